package browser

import (
	"bufio"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

var pictures = flag.String("pictures", "", "the folder for the pictures of README.md")

// The pictures of README.md show examples/console. Without a folder this only
// proves that the example shows what it promises.
func TestPictures(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "console")
	build := exec.Command("go", "build", "-o", program, "./console")
	build.Dir = "../../examples"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	example := exec.Command(program, "-addr", "127.0.0.1:0")
	out, err := example.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	example.Stderr = os.Stderr
	if err := example.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = example.Process.Kill()
		_ = example.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the example prints no address")
	}
	b := newTabAt(t, lines.Text()[:len(lines.Text())-1], "/settings/webhooks/")
	b.size(1200, 886)
	b.scheme("light")
	b.leaves(func() { b.do(chromedp.Navigate(b.origin)) })
	b.follow("[value=Ada]")
	b.until(`document.querySelector(".hook .badge.healthy")`)
	b.until(`document.querySelector(".hook .badge.retrying")`)
	if *pictures == "" {
		return
	}
	b.until(`document.querySelectorAll(".hook .badge.error").length >= 2`)
	b.picture("list")
	b.scheme("dark")
	b.follow(`[aria-label="Edit Outreach report"]`)
	b.follow(".crumbs a:last-child")
	b.until(`document.querySelector(".deliveries .retrying, .deliveries .pending")`)
	b.picture("webhook-dark")
}

// picture takes what is seen in the window.
func (b *tab) picture(name string) {
	b.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	if len(png) > 150_000 {
		b.Errorf("%s has %d bytes", name, len(png))
	}
	if err := os.MkdirAll(*pictures, 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*pictures, name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
}
