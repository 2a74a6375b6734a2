package main

// Lab is a process in which a measurement is alone.
type Lab struct{}

// alone runs a method of a Lab in a process of its own.
func (b *bench) alone(method string, args, reply any) error {
	c, err := spawn()
	if err != nil {
		return err
	}
	defer c.kill()
	return c.call(b.ctx, method, args, reply)
}
