package pgstore_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bouncer starts a pgbouncer in transaction mode in front of the server, with
// so many connections for each user, and returns what directs a pool at it in
// the way that is documented for pgbouncer before 1.21. Users log in as app or
// as the owner of the server: it knows a database for each of them.
func bouncer(t *testing.T, size int, app, owner *pgx.ConnConfig) func(database string) func(*pgxpool.Config) {
	t.Helper()
	bin := pgbouncerBinary(t)
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	check(t, l.Close())
	database := func(name string, c *pgx.ConnConfig) string {
		line := fmt.Sprintf("%s = host=%s port=%d dbname=%s user=%s", name, c.Host, c.Port, c.Database, c.User)
		if c.Password != "" { // it does not bear an empty one
			line += " password='" + strings.ReplaceAll(c.Password, "'", "''") + "'"
		}
		return line
	}
	config := filepath.Join(dir, "pgbouncer.ini")
	check(t, os.WriteFile(config, []byte(strings.Join([]string{
		"[databases]", database("app", app), database("owner", owner),
		"[pgbouncer]", "listen_addr = 127.0.0.1", fmt.Sprint("listen_port = ", port), "unix_socket_dir =",
		"auth_type = any", "pool_mode = transaction", fmt.Sprint("default_pool_size = ", size), "max_client_conn = 500",
		// Nobody may find a session as another client left it.
		"server_reset_query =", "server_tls_sslmode = prefer", "log_connections = 0", "log_disconnections = 0", "",
	}, "\n")), 0o600))

	// As root it wants to be another user's. The shell ends it when its
	// standard input is closed, also by the death of this process.
	args := []string{"-c", `"$@" </dev/null & pid=$!; cat >/dev/null; kill -INT $pid; wait $pid`, "sh", bin, config}
	if os.Getuid() == 0 {
		for _, name := range []string{"postgres", "nobody"} {
			if _, err := user.Lookup(name); err == nil {
				args = append(args, "-u", name)
				break
			}
		}
	}
	words, err := os.Create(filepath.Join(dir, "log"))
	check(t, err)
	cmd := exec.Command("sh", args...)
	cmd.Stdout, cmd.Stderr = words, words
	alive, err := cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = alive.Close()
		_ = cmd.Wait()
		_ = words.Close()
	})
	through := func(database string) func(*pgxpool.Config) {
		return func(c *pgxpool.Config) {
			to, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=x sslmode=disable", port, database))
			check(t, err)
			to.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
			c.ConnConfig = to
		}
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := newPool(t, 1, through("owner")).Ping(context.Background())
		if err == nil {
			return through
		}
		if time.Now().After(end) {
			said, _ := os.ReadFile(words.Name())
			t.Fatalf("pgbouncer does not answer: %v\n%s", err, said)
		}
	}
}

func pgbouncerBinary(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} { // not on everybody's PATH
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Fatal(`no pgbouncer for the tests: install it (on Debian and Ubuntu "apt-get install pgbouncer"), so that it is on PATH`)
	return ""
}
