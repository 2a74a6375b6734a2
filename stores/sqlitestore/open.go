package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver; the package's documentation says why this one
)

const driverName = "sqlite"

var errInMemory = errors.New("a database in memory cannot be shared between connections, nor outlive the process; use webhook.NewMemoryStore")

// prepare says what is wrong with the path, and makes a missing file, since
// SQLite would make it readable by others.
func prepare(path string) (string, error) {
	switch {
	case path == "":
		return "", errors.New("the path is empty")
	case strings.Contains(path, ":memory:"):
		return "", errInMemory
	case strings.HasPrefix(path, "file:"):
		return "", errors.New("want the path of a file, not a URI; open it yourself and use New")
	case strings.ContainsRune(path, 0):
		return "", errors.New("the path holds a NUL byte")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the directory %s does not exist; create it first", dir)
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s is not a directory", dir)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	return path, errors.Join(err, f.Close())
}

// dsn is how every connection to the file is set up.
func dsn(path string, busy time.Duration) string {
	path = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(path))
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive's letter
	}
	return "file://" + path + "?_txlock=immediate" +
		"&_pragma=busy_timeout(" + strconv.FormatInt(busy.Milliseconds(), 10) + ")" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(FAST)"
}

// inspect refuses a connection whose settings would break a promise.
func (s *Store) inspect(ctx context.Context, on *session) error {
	var journal, encoding string
	var synchronous, busy int64
	for _, p := range []struct {
		name string
		to   any
	}{{"journal_mode", &journal}, {"encoding", &encoding}, {"synchronous", &synchronous}, {"busy_timeout", &busy}} {
		if err := on.conn.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(p.to); err != nil {
			return fmt.Errorf("PRAGMA %s: %w", p.name, err)
		}
	}
	switch {
	case !strings.EqualFold(journal, "wal"):
		return fmt.Errorf("the connection has journal_mode=%s, in which readers block writers; set it to WAL", journal)
	case synchronous < 2:
		return fmt.Errorf("the connection has synchronous=%d, with which a power cut can take back what was acknowledged; "+
			"set it to FULL (2) on every connection of the pool", synchronous)
	case busy == 0:
		return errors.New("the connection has busy_timeout=0, with which a transaction fails at once while another one writes; " +
			"set it to some seconds on every connection of the pool")
	case encoding != "UTF-8":
		return fmt.Errorf("the file has the encoding %s; want UTF-8", encoding)
	}
	if !s.keeps {
		return nil
	}
	// A call can be cancelled while it waits for the write lock, and what it
	// deletes leaves no trace, as far as this costs nothing; see Erase.
	_, err := on.conn.ExecContext(ctx, "PRAGMA busy_timeout = 100; PRAGMA secure_delete = FAST")
	return err
}
