package console

import "slices"

// Routes are all methods and paths but those of the assets.
func Routes() []string {
	var out []string
	for path, r := range routes {
		if r.action == "" && r.change == "" {
			continue
		}
		if r.get != nil {
			out = append(out, "GET "+path)
		}
		if r.post != nil {
			out = append(out, "POST "+path)
		}
	}
	slices.Sort(out)
	return out
}
