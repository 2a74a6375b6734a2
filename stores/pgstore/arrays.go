package pgstore

import (
	"database/sql/driver"
	"encoding/hex"

	"github.com/jackc/pgx/v5/pgtype"
)

// uuids and blobs are what they are to pgx: it sends arrays of strings as text
// where the database wants uuid, after it has tried otherwise, and goes through
// []([]byte) by reflection. Where pgx does not know what the database wants they
// are the text of an array.
type (
	uuids []pgtype.UUID
	blobs []blob
	blob  []byte // nil is NULL
)

var (
	_ pgtype.ArrayGetter = uuids{}
	_ pgtype.ArrayGetter = blobs{}
	_ driver.Valuer      = uuids{}
	_ driver.Valuer      = blobs{}
)

// add appends an ID that isID accepts.
func (u *uuids) add(id string) {
	var x pgtype.UUID
	var digits [32]byte
	n := 0
	for i := range len(id) {
		if c := id[i]; c != '-' && n < len(digits) {
			digits[n] = c
			n++
		}
	}
	_, err := hex.Decode(x.Bytes[:], digits[:])
	x.Valid = err == nil
	*u = append(*u, x)
}

// asUUIDs makes IDs an argument. What is no ID is one that nothing has.
func asUUIDs(ids []string) uuids {
	out := make(uuids, 0, len(ids))
	for _, id := range ids {
		if !isID(id) {
			id = nobody
		}
		out.add(id)
	}
	return out
}

func dimensions(n int) []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(n), LowerBound: 1}}
}

// Dimensions implements [pgtype.ArrayGetter].
func (u uuids) Dimensions() []pgtype.ArrayDimension { return dimensions(len(u)) }

// Index implements [pgtype.ArrayGetter].
func (u uuids) Index(i int) any { return &u[i] }

// IndexType implements [pgtype.ArrayGetter].
func (u uuids) IndexType() any { return &pgtype.UUID{} }

func (u uuids) String() string {
	return array(u, func(x pgtype.UUID) string { return x.String() })
}

// Value implements [driver.Valuer].
func (u uuids) Value() (driver.Value, error) { return u.String(), nil }

// Dimensions implements [pgtype.ArrayGetter].
func (b blobs) Dimensions() []pgtype.ArrayDimension { return dimensions(len(b)) }

// Index implements [pgtype.ArrayGetter].
func (b blobs) Index(i int) any { return &b[i] }

// IndexType implements [pgtype.ArrayGetter].
func (b blobs) IndexType() any { return &blob{} }

func (b blobs) String() string {
	return array(b, func(x blob) string {
		if x == nil {
			return "NULL"
		}
		return `"\\x` + hex.EncodeToString(x) + `"`
	})
}

// Value implements [driver.Valuer].
func (b blobs) Value() (driver.Value, error) { return b.String(), nil }

// BytesValue implements [pgtype.BytesValuer].
func (b *blob) BytesValue() ([]byte, error) { return *b, nil }
