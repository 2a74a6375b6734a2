# Needs Go, a C compiler (for the race detector), make, and for the tests what
# the target programs installs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:

# Every module of the tree. Each target works on all of them and fails at the
# end if one failed.
MODULES := $(shell find . -name go.mod -not -path '*/testdata/*' -printf '%h\n' | LC_ALL=C sort -r)

# How long each fuzz target runs.
TIME ?= 10s

# How many seeds sim runs, and the first one.
SEEDS ?= 200
FROM ?= 1

.PHONY: test programs pictures lint fuzz sim sim-stores tidy-check receiver-check quickstart crash crash-short bench bench-short

# All tests of all modules, with the race detector. Two modules at a time, since
# many tests wait for real time; what a module says comes when it has ended.
test: programs
	failed=0
	export CI GOWORK
	printf '%s\n' $(MODULES) | xargs -P 2 -I MODULE bash -c '
		said=$$(go -C MODULE test -race -timeout 20m ./... 2>&1); rc=$$?
		printf "test MODULE\n%s\n" "$$said"
		exit $$rc' || failed=1
	# What cannot be counted, or takes minutes, under -race.
	go test -run Allocate ./verify || failed=1
	go -C stores/sqlitestore test -run TestSamePages . || failed=1
	exit $$failed

# The programs that tests need beside Go, installed when they are missing, where
# apt-get and root are there: PostgreSQL and pgbouncer, which tests start
# themselves, strace, for receivers in other languages Node 18 or newer with npm,
# Python with three frameworks, openssl and curl, and for the console Chromium. A
# server that WEBHOOK_TEST_POSTGRES names takes the place of the first.
programs:
	missing=()
	if [[ -z $${WEBHOOK_TEST_POSTGRES:-} ]] && ! command -v initdb >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
		missing+=(postgresql)
	fi
	PATH=$$PATH:/usr/sbin:/sbin
	for p in pgbouncer strace python3 openssl curl npm node:nodejs; do
		command -v "$${p%%:*}" >/dev/null || missing+=("$${p#*:}")
	done
	for m in fastapi uvicorn flask django; do
		python3 -c "import $$m" 2>/dev/null || /usr/bin/python3 -c "import $$m" 2>/dev/null || missing+=("python3-$$m")
	done
	command -v chromium chromium-browser google-chrome >/dev/null || missing+=(chromium)
	if ! (($${#missing[@]})); then exit; fi
	if ((EUID)) || ! command -v apt-get >/dev/null; then
		echo "the tests need $${missing[*]}; on Debian and Ubuntu: sudo make programs"
		echo "(PostgreSQL 15 or newer; or set WEBHOOK_TEST_POSTGRES to the connection string"
		echo "of a superuser on a server that the tests may use)"
		exit 1
	fi
	apt-get update -qq
	mkdir -p /etc/postgresql-common # no server at boot: the tests start their own
	[[ -e /etc/postgresql-common/createcluster.conf ]] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$${missing[@]}" >/dev/null

# Format, vet and staticcheck. The version of staticcheck is that of
# internal/tools/go.mod.
lint:
	failed=0
	unformatted=$$(gofmt -l .)
	if [[ -n $$unformatted ]]; then
		echo "not formatted by gofmt:" $$unformatted
		failed=1
	fi
	staticcheck=$$(go -C internal/tools tool -n staticcheck)
	for module in $(MODULES); do
		echo "lint $$module"
		go -C $$module vet ./... || failed=1
		(cd $$module && "$$staticcheck" ./...) || failed=1
	done
	exit $$failed

# Every fuzz target of every module, one after the other. What is found is not
# made small for long: go test counts a target as failed that is still at it when
# its time is over. It does so too, with nothing but "context deadline exceeded",
# when a busy machine lets an input be late at the end: that target runs again.
fuzz:
	failed=0 found=0
	for module in $(MODULES); do
		dirs=$$(go -C $$module list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...)
		for dir in $$dirs; do
			targets=$$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go | cut -d' ' -f2 | sort || true)
			for target in $$targets; do
				found=$$((found + 1))
				for try in 1 2 3; do
					echo "fuzz $$target in $${dir#$(CURDIR)/} for $(TIME)"
					rc=0
					said=$$(go -C "$$dir" test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(TIME) -fuzzminimizetime 10x . 2>&1) || rc=$$?
					echo "$$said"
					if ((!rc)); then break; fi
					if grep -qF 'context deadline exceeded' <<<"$$said" && ! grep -qF 'Failing input' <<<"$$said" && ((try < 3)); then continue; fi
					failed=1
					break
				done
			done
		done
	done
	if ((!found)); then echo "no fuzz target was found"; exit 1; fi
	exit $$failed

# The whole engine in SEEDS storms, the inputs of each from its seed. What fails
# is told with its history and the command that repeats its inputs.
sim:
	go -C internal/sim test -run '^TestSeeds$$' -count=1 -timeout 0 -seeds=$(SEEDS) -from=$(FROM) |
		grep --line-buffered -vE '^(PASS|FAIL|ok|exit status|--- FAIL| +--- FAIL)\b'

# Kills at least KILLS processes under load on each store, compares what was
# acknowledged with what arrived, and measures recovery. SEED repeats the plan of
# a run. The short form leaves recovery out, which mostly waits.
crash: programs
	go -C internal/crash run . -kills=$(or $(KILLS),1000) -seed=$(or $(SEED),0)

crash-short: programs
	go -C internal/crash run . -short -kills=$(or $(KILLS),40) -seed=$(or $(SEED),0)

# The same in real time on SQLite and PostgreSQL, SEEDS of each twice.
sim-stores: programs
	go -C internal/sim test -run '^TestStores$$' -count=1 -timeout 0 -seeds=$(SEEDS) -from=$(FROM)

# All figures, into docs/benchmarks.md and docs/scaling.md: about an hour.
bench: programs
	go -C internal/bench run . -docs ../../docs

# The most important figures, in less than four minutes.
bench-short: programs
	go -C internal/bench run . -short

# go.mod and go.sum hold what the code needs, and nothing else.
tidy-check:
	failed=0
	for module in $(MODULES); do
		echo "tidy-check $$module"
		go -C $$module mod tidy -diff || failed=1
	done
	exit $$failed

# What it costs a receiver to import package verify.
receiver-check:
	go -C internal/tools run ./receivercheck

# The pictures of the console, from examples/console.
pictures: programs
	go -C internal/browser test -count=1 -run '^TestPictures$$' . -pictures ../../docs/console

# The library in one run.
quickstart:
	go -C examples run ./quickstart
