package sqlitestore

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"reflect"

	"modernc.org/sqlite"
)

// A stmt is a prepared statement, of database/sql in the caller's transaction,
// and else of the driver itself: database/sql would double the time of what
// runs most, a statement that finds one row by its key.
type stmt interface {
	exec(ctx context.Context, args []any) (changed, last int64, err error)
	query(ctx context.Context, args []any) (cursor, error)
}

// A cursor goes through the rows of a result.
type cursor interface {
	row
	Next() bool
	Err() error
	Close() error
}

// A row can be read, as by [sql.Rows.Scan].
type row interface{ Scan(to ...any) error }

// slowStmt is one of database/sql.
type slowStmt struct{ *sql.Stmt }

func (s slowStmt) exec(ctx context.Context, args []any) (changed, last int64, err error) {
	r, err := s.ExecContext(ctx, args...)
	if err != nil {
		return 0, 0, err
	}
	if changed, err = r.RowsAffected(); err == nil {
		last, err = r.LastInsertId()
	}
	return changed, last, err
}

func (s slowStmt) query(ctx context.Context, args []any) (cursor, error) {
	rows, err := s.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// A quickConn is what a driver's connection must be able to do to be used
// without database/sql. All known drivers for SQLite are.
type quickConn interface {
	driver.ConnPrepareContext
	driver.ExecerContext
}

// quickStmt is one of the driver.
type quickStmt struct {
	driver.Stmt
	args   []driver.NamedValue
	values []driver.Value
	given  bool // the driver does not use the byte slices again that it returns
}

func prepareQuick(ctx context.Context, on quickConn, query string) (stmt, error) {
	st, err := on.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	_, ours := on.(sqlite.DBStatus)
	return &quickStmt{Stmt: st, given: ours}, nil
}

// bind makes the arguments the driver's.
func (s *quickStmt) bind(args []any) ([]driver.NamedValue, error) {
	s.args = s.args[:0]
	for i, a := range args {
		switch v := a.(type) {
		case int64, string, []byte, nil:
		case int:
			a = int64(v)
		default:
			var err error
			if a, err = driver.DefaultParameterConverter.ConvertValue(a); err != nil {
				return nil, fmt.Errorf("argument %d: %w", i+1, err)
			}
		}
		s.args = append(s.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return s.args, nil
}

func (s *quickStmt) exec(ctx context.Context, args []any) (changed, last int64, err error) {
	bound, err := s.bind(args)
	if err != nil {
		return 0, 0, err
	}
	var r driver.Result
	if st, ok := s.Stmt.(driver.StmtExecContext); ok {
		r, err = st.ExecContext(ctx, bound)
	} else {
		//lint:ignore SA1019 for drivers without the other, as database/sql does it
		r, err = s.Stmt.Exec(valuesOf(bound))
	}
	clear(s.args)
	if err != nil {
		return 0, 0, err
	}
	if changed, err = r.RowsAffected(); err == nil {
		last, err = r.LastInsertId()
	}
	return changed, last, err
}

func (s *quickStmt) query(ctx context.Context, args []any) (cursor, error) {
	bound, err := s.bind(args)
	if err != nil {
		return nil, err
	}
	var rows driver.Rows
	if st, ok := s.Stmt.(driver.StmtQueryContext); ok {
		rows, err = st.QueryContext(ctx, bound)
	} else {
		//lint:ignore SA1019 for drivers without the other, as database/sql does it
		rows, err = s.Stmt.Query(valuesOf(bound))
	}
	clear(s.args)
	if err != nil {
		return nil, err
	}
	if s.values == nil {
		s.values = make([]driver.Value, len(rows.Columns()))
	}
	return &quickRows{rows: rows, values: s.values, given: s.given}, nil
}

// valuesOf is for statements that know no context.
func valuesOf(args []driver.NamedValue) []driver.Value {
	out := make([]driver.Value, len(args))
	for i, a := range args {
		out[i] = a.Value
	}
	return out
}

// quickRows are rows of the driver.
type quickRows struct {
	rows   driver.Rows
	values []driver.Value
	given  bool // byte slices are nobody else's
	err    error
}

func (r *quickRows) Next() bool {
	if r.err != nil {
		return false
	}
	r.err = r.rows.Next(r.values)
	return r.err == nil
}

func (r *quickRows) Err() error {
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

func (r *quickRows) Close() error {
	clear(r.values)
	return r.rows.Close()
}

func (r *quickRows) Scan(to ...any) error {
	if len(to) != len(r.values) {
		return fmt.Errorf("%d columns were selected and %d are read", len(r.values), len(to))
	}
	for i, v := range r.values {
		if b, ok := v.([]byte); ok && !r.given {
			v = bytes.Clone(b)
		}
		if err := assign(to[i], v); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

// assign is what database/sql does for Scan, for the types that are used here.
func assign(to any, v driver.Value) error {
	switch to := to.(type) {
	case *[]byte:
		switch v := v.(type) {
		case []byte:
			*to = v
			return nil
		case string:
			*to = []byte(v)
			return nil
		case nil:
			*to = nil
			return nil
		}
	case sql.Scanner:
		return to.Scan(v)
	case *string:
		switch v := v.(type) {
		case string:
			*to = v
			return nil
		case []byte:
			*to = string(v)
			return nil
		}
	case *int64:
		if n, ok := number(v); ok {
			*to = n
			return nil
		}
	case *int:
		if n, ok := number(v); ok {
			*to = int(n)
			return nil
		}
	case *bool:
		if n, ok := number(v); ok {
			*to = n != 0
			return nil
		}
	default: // a named type
		p := reflect.ValueOf(to).Elem()
		switch v := v.(type) {
		case string:
			if p.Kind() == reflect.String {
				p.SetString(v)
				return nil
			}
		case []byte:
			if p.Kind() == reflect.String {
				p.SetString(string(v))
				return nil
			}
		}
	}
	return fmt.Errorf("a %T cannot be read into a %T", v, to)
}

// number is the value as an integer; drivers make booleans of some.
func number(v driver.Value) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		return bit(v), true
	}
	return 0, false
}
