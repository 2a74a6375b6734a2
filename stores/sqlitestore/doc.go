// Package sqlitestore keeps webhooks in an SQLite file: the store for a
// product that runs on one machine and wants no database server.
//
//	store, err := sqlitestore.Open("/var/lib/crm/webhooks.db", nil)
//	if err != nil {
//		return err
//	}
//	defer store.Close()
//	d, err := webhook.New(store, nil)
//	if err != nil {
//		return err
//	}
//	go d.Run(ctx)
//
// # When to use it
//
// On one machine, with a local disk, for up to about 10,000 events a second.
// For deliveries from several machines, or many processes that deliver at the
// same time, use a store on a server. For tests, webhook.NewMemoryStore.
//
// # What it promises
//
//   - A nil error of Emit means that the event is on the disk: each commit is
//     synced (WAL with synchronous=FULL). A crash or a power cut loses nothing
//     that was acknowledged, as far as the disk keeps its own promise.
//   - An error that is none of the sentinels leaves the outcome unknown; the
//     same call may be repeated. Such errors wrap the driver's: the file is
//     locked, the disk full, the file damaged.
//   - What waits for a blocked endpoint slows nobody else: claiming, asking and
//     deleting an endpoint cost the same with ten and with a million waiting
//     deliveries. The exception is a paused event type, whose waiting
//     deliveries are passed over one by one in the lanes that have them.
//   - Delivery IDs are never used again.
//
// # Several processes
//
// Any process on the machine may open the file and emit. One delivers: Run
// takes a lock on a file beside the database (its name ends in .run), and a
// second Run ends with an error that names the process that has it. The lock
// goes with its process, also when that is killed, and the next Run goes on at
// once with what was in hand. What other processes emit is found within
// [Options.PollInterval].
//
// SQLite has one writer at a time. A transaction of the host's that stays
// open stops every emit and every delivery meanwhile; after
// [Options.BusyTimeout] calls fail and are repeated by the engine.
//
// # In the host's own transactions
//
// [InTx] makes the emit a part of a transaction: the host's rows and the event
// are stored together or not at all. Both must be in one file. Either the host
// uses [Store.DB], or it opens the file itself and passes its pool to [New].
// Every connection of that pool must have
//
//	journal_mode   WAL
//	synchronous    FULL
//	busy_timeout   some seconds
//
// and should begin its transactions with BEGIN IMMEDIATE. With
// modernc.org/sqlite that is
//
//	file:crm.db?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)
//
// Foreign keys are not needed. The store uses SQLite 3.35 or newer with JSON.
// The calls of a store on a pool with fewer than 4 connections take one each
// and give it back, so a pool of one works; they then wait while a transaction
// of the host's is open.
//
// # Schema
//
// Open and New create and upgrade the tables, all named webhook_…, in one
// transaction; any number of processes may start at once. [Migrations] returns
// the SQL for hosts with a tool of their own. Upgrades only add, so an old
// process goes on working beside a new one.
//
// Unless webhook.Options.EncryptionKeys is set, endpoints' secrets are stored as
// they are: the file is its owner's only (mode 0600), and so must be its copies.
//
// # Sizes
//
// An event with one delivery that succeeded takes its payload and about 0.35
// kB; each further delivery or attempt some 0.2 kB, and what the endpoint
// answered (at most 16 KiB). They stay until the retention of the log removes
// them, at more than 10,000 events a second (BenchmarkPurge). The file does not
// shrink by itself; its pages are used again. VACUUM shrinks it, but stops all
// writers meanwhile.
//
// Two things people look at take longer the more there is: Stats counts what
// waits, a million in half a second, and a page of an account's whole log takes
// 0.1 ms for each of its endpoints.
//
// A commit costs one sync of the disk. Events that are emitted at the same
// time share one; so do the outcomes of deliveries.
//
// # Where the time goes
//
// A delivery that succeeds at once is one row for its event, one that waits, and
// one, with its attempt, that takes the place of that. Under load, with payloads
// of 1 KiB, 100 endpoints and commits of some 400, it takes 112 µs of processor
// time in the process that emits and delivers; with the memory store 51, and a
// loop that only signs and posts takes 43. What the receiver takes, 33 µs, is the
// same in all. Append has 21 µs of it, Due 20 and Settle 15; of these 10 are
// commits, which write 5.8 kB, to the log and again to the file. The figures and
// a profile are printed by
//
//	go -C internal/bench run . -only budget -profile profiles
//	go -C stores/sqlitestore test -run '^$' -bench Cost
//
// A larger cache, and longer intervals between checkpoints, brought nothing.
//
// # Erasing
//
// What Erase removes is overwritten in the file. Its old bytes may remain in the
// file beside it (-wal) until that is written over; this does it at once, when
// nobody is reading:
//
//	PRAGMA wal_checkpoint(TRUNCATE)
//
// The connections that the store keeps also overwrite what else they delete or
// replace, as far as this costs no further write (secure_delete=FAST). Set the
// same on a pool of the host's, whose transactions are not the store's to change.
// Where SQLite moves rows between pages, as it does when a page is full or nearly
// empty, a copy can stay in the unused part of a page; VACUUM removes such, too.
// Idempotency keys of erased events stay until their window is over, and
// backups as long as the host keeps them.
//
// # Backup
//
// While processes run:
//
//	VACUUM INTO '/backup/webhooks.db'
//
// or the backup command of the sqlite3 shell. Never copy the file alone:
// what was committed last is in the file beside it that ends in -wal. A
// restored copy sends again what was delivered after the backup was made;
// receivers know such repeats by their webhook-id.
//
// # What the host must not do
//
//   - Open one file by two different SQLite libraries in one process, such as
//     this package's and one that uses cgo: closing the one drops the locks of
//     the other, and the file is damaged. Pass your pool to New.
//   - Put the file on a network file system.
//   - Delete, rename or replace the file, or the ones beside it, while a
//     process has it open.
//   - Write to the tables named webhook_….
//
// # Clock
//
// Times come from this machine's clock. After a step back a running process
// goes on from where it was, so that neither leases nor retries jump. Set a
// clock that is far ahead right before the process starts, or what is stored
// waits until the time comes. A process that starts after a step back has an
// earlier clock than those that run on: if it is the one that delivers, what they
// emit to an endpoint for which nothing waited may wait until its clock has caught
// up with theirs. So restart all processes of the file after such a step.
//
// # Driver
//
// Open uses modernc.org/sqlite, which needs no C compiler. It was chosen over
// github.com/ncruces/go-sqlite3, the other driver in pure Go, since most of what
// an application waits for is faster with it: its emits. Median of three runs on
// 2 cores of a shared virtual machine with SSD, Go 1.26, synchronous=FULL:
//
//	                                      modernc v1.59.0   ncruces v0.35.1
//	emit, one at a time                   2,500/s           1,300/s
//	emit, 64 at a time                    21,800/s          15,300/s
//	claim, ask, settle, one lane each     4,100/s           2,700/s
//	the same, 64 lanes each               9,400/s           11,200/s
//	processor time of Append/1            307 µs            350 µs
//	of Append/100, for each event         57 µs             73 µs
//	of Deliver/100, for each delivery     97 µs             115 µs
//	memory of the process in Deliver/100  23 MB             23 MB
//	binary, stripped                      6.3 MB            8.7 MB
//	memory of a clean build               0.8 GB            1.4 GB
//	processor time of a clean build       41 s              43 s
//
// They were taken when the driver was chosen, before the store did less for each
// delivery. The first four were taken with payloads of 500 bytes to 200 endpoints; Append
// and Deliver are storetest's benchmarks, with a commit for each call. The
// driver builds for Linux, macOS, Windows, FreeBSD, NetBSD and OpenBSD on the
// usual processors (its package lib has the list), and not for others. Both
// drivers work with [New], and these versions are the newest that a module for
// Go 1.25 can require. The benchmarks are run, here and on another machine, by
//
//	go test -run '^$' -bench .
package sqlitestore
