package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/autoreach/webhook"
)

// Store is a [webhook.Store] in an SQLite file. It is safe for concurrent
// use, and several processes may have one on the same file: any of them
// emits, and one at a time delivers.
type Store struct {
	db      *sql.DB
	own     bool // db is the store's to close
	keeps   bool // connections are kept between calls
	path    string
	options Options
	closed  atomic.Bool

	writer slot
	engine slot // reads of the engine
	log    slot // reads of people, which may take longer
}

var (
	_ webhook.Store     = (*Store)(nil)
	_ webhook.Exclusive = (*Store)(nil)
)

// Options of a store. The zero value means the defaults.
type Options struct {
	// PollInterval is how soon a dispatcher that has nothing to do finds what
	// another process, or a transaction of the host's, has emitted. An idle
	// look reads one page and writes nothing. Default 200 ms, at least 1 ms.
	PollInterval time.Duration

	// BusyTimeout is how long a call waits while somebody else's transaction
	// writes to the file. Default 10 s.
	BusyTimeout time.Duration

	// SchemaByHost says that the host applies [Migrations] with a tool of its
	// own. Open and New then change no schema, and refuse one that is too old.
	SchemaByHost bool
}

func (o *Options) defaults() (Options, error) {
	var out Options
	if o != nil {
		out = *o
	}
	if out.PollInterval == 0 {
		out.PollInterval = 200 * time.Millisecond
	}
	if out.BusyTimeout == 0 {
		out.BusyTimeout = 10 * time.Second
	}
	if out.PollInterval < time.Millisecond {
		return out, fmt.Errorf("Options.PollInterval is %v, the least is 1ms", out.PollInterval)
	}
	if out.BusyTimeout < 0 {
		return out, fmt.Errorf("Options.BusyTimeout is %v, which is negative", out.BusyTimeout)
	}
	return out, nil
}

// Open opens the file, or creates it for its owner only (mode 0600), and
// brings its schema up to date. The directory must exist, on a local disk.
// Nil options mean the defaults.
//
// A file that the host itself opens with another SQLite library than
// modernc.org/sqlite must not be opened here as well: pass the host's pool to
// [New].
func Open(path string, opts *Options) (*Store, error) {
	s, err := open(path, opts)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: Open: %w", err)
	}
	return s, nil
}

func open(path string, opts *Options) (*Store, error) {
	o, err := opts.defaults()
	if err != nil {
		return nil, err
	}
	path, err = prepare(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open(driverName, dsn(path, o.BusyTimeout))
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, own: true, keeps: true, path: path, options: o, writer: newSlot(), engine: newSlot(), log: newSlot()}
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), s.Close())
	}
	return s, nil
}

// New makes a store on a pool that the host has opened, with whatever driver,
// so that the host's tables and the store's are in one file and [InTx] can
// join them. It brings the schema up to date: tables whose names begin with
// webhook_. Closing the store leaves the pool open.
//
// The pool's connections must be set up as the package's documentation says;
// New looks at those it gets and refuses wrong ones. From a pool of 4 or more
// connections the store keeps 3 for itself; from a smaller one it takes one
// for each call, which costs more time.
func New(db *sql.DB, opts *Options) (*Store, error) {
	s, err := newOn(db, opts)
	if err != nil {
		return nil, fmt.Errorf("sqlitestore: New: %w", err)
	}
	return s, nil
}

func newOn(db *sql.DB, opts *Options) (*Store, error) {
	o, err := opts.defaults()
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, errors.New("the pool is nil")
	}
	most := db.Stats().MaxOpenConnections
	s := &Store{db: db, keeps: most == 0 || most > 3, options: o, writer: newSlot(), engine: newSlot(), log: newSlot()}
	ctx, cancel := context.WithTimeout(context.Background(), o.BusyTimeout+time.Second)
	defer cancel()
	rows := db.QueryRowContext(ctx, `SELECT file FROM pragma_database_list WHERE name = 'main'`)
	if err := rows.Scan(&s.path); err != nil {
		return nil, err
	}
	if s.path == "" {
		return nil, errInMemory
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// start looks at the connections and brings the schema up to date.
func (s *Store) start() (err error) {
	// A file has one lock, by whatever name it is opened.
	if s.path, err = filepath.EvalSymlinks(s.path); err != nil {
		return err
	}
	steps, err := Migrations()
	if err != nil {
		return err
	}
	return s.migrate(context.Background(), steps)
}

// DB returns the pool that the store works on, for transactions of the host's
// own on the same file. The one of a store that [Open] made is closed with
// the store; its transactions begin as writers (BEGIN IMMEDIATE).
func (s *Store) DB() *sql.DB { return s.db }

// Close waits for calls that are under way and gives the connections back. No
// dispatcher may be running on the store. A second Close does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	for _, l := range []*slot{&s.engine, &s.log, &s.writer} {
		l.turn <- struct{}{}
		if l.s != nil {
			l.s.close(!s.own) // its settings are not the host's
			l.s = nil
		}
		<-l.turn
	}
	if s.own {
		return s.db.Close()
	}
	return nil
}
