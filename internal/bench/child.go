package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"testing"
)

// childArg makes the program a child: it serves [Receiver], [Sender] and [Lab]
// by net/rpc on its standard input and output, and ends when its input does.
const childArg = "child"

func serve() {
	testing.Init() // for testing.Benchmark
	in, out := os.Stdin, os.Stdout
	os.Stdout = os.Stderr // what a library prints must not get in between
	s := rpc.NewServer()
	if err := errors.Join(s.Register(&Receiver{}), s.Register(&Sender{}), s.Register(&Lab{})); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	s.ServeConn(pipe{in, out})
}

type pipe struct {
	io.ReadCloser
	io.Writer
}

// A child is this program in another process.
type child struct {
	process *exec.Cmd
	client  *rpc.Client
	dir     string // for its temporary files
}

func spawn() (*child, error) {
	name, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	p := exec.Command(name, childArg)
	p.Stderr, p.Env = os.Stderr, append(os.Environ(), "TMPDIR="+dir)
	in, err1 := p.StdinPipe()
	out, err2 := p.StdoutPipe()
	if err := errors.Join(err1, err2, p.Start()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &child{process: p, client: rpc.NewClient(ends{out, in}), dir: dir}, nil
}

// ends is the child's pipe seen from here.
type ends struct {
	io.Reader
	io.WriteCloser
}

// call calls a method of the child, and kills it when ctx ends before.
func (c *child) call(ctx context.Context, method string, args, reply any) error {
	if args == nil {
		args = &Nothing{}
	}
	if reply == nil {
		reply = &Nothing{}
	}
	call := c.client.Go(method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if call.Error != nil {
			return fmt.Errorf("%s: %w", method, call.Error)
		}
		return nil
	case <-ctx.Done():
		c.kill()
		return context.Cause(ctx)
	}
}

// kill ends the child as it stands: what it had in hand is of no interest.
func (c *child) kill() {
	_ = c.client.Close()
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
	_ = os.RemoveAll(c.dir)
}

// Nothing is an argument or a result that says nothing.
type Nothing struct{ None bool }
