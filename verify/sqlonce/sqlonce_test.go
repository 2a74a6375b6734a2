package sqlonce_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/autoreach/webhook/verify/sqlonce"
)

// What it does in a database is tested where the drivers are: in the modules of
// the stores.

func TestOnceOptions(t *testing.T) {
	db := &sql.DB{}
	for _, o := range []sqlonce.Options{{Table: "a;b"}, {Table: "a.b.c"}, {Table: `"a"`}, {Window: time.Minute}, {Window: -1}} {
		if _, err := sqlonce.New(db, &o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	if _, err := sqlonce.New(nil, nil); err == nil {
		t.Error("no database is accepted")
	}
	defer func() {
		if recover() == nil {
			t.Error("Tx of a foreign context returns")
		}
	}()
	sqlonce.Tx(t.Context())
}
