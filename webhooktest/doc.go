// Package webhooktest is for the tests of a program that emits webhooks. But for
// [Hostile] there is no socket in it and no waiting: in a testing/synctest
// bubble a schedule of hours passes in milliseconds.
//
// # Does my code emit the right events?
//
// Let the code under test ask for a [webhook.Emitter] and give it a [Recorder].
// It refuses what a dispatcher would refuse, keeps the rest, and sends nothing:
//
//	rec := webhooktest.NewRecorder(t, nil)
//	score(rec, lead)
//	rec.WantEmitted(events.LeadScored, 1)
//
// # What does a customer receive, and when?
//
// [Start] makes a dispatcher that delivers, and a [Receiver] that is subscribed
// to everything:
//
//	func TestRetries(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			d, rcv := webhooktest.Start(t, nil)
//			rcv.Then(webhooktest.Status(500), webhooktest.Hang()) // and then 204
//			if _, err := d.Emit(t.Context(), event); err != nil {
//				t.Fatal(err)
//			}
//			if err := d.Drain(t.Context()); err != nil { // nothing waits any more
//				t.Fatal(err)
//			}
//			rcv.Want(events.LeadScored)
//			rcv.WantRetries(30*time.Second, 10*time.Minute)
//		})
//	}
//
// The receiver verifies every request with package verify, as your customers
// should, records it, and answers what the test scripted: a status, a hang, a
// slow answer, Retry-After, a dropped connection, or a handler of yours.
//
// # Time
//
// Inside a bubble use [webhook.Dispatcher.Drain] to see everything delivered or
// given up, [Receiver.Await] to see the next request come, and time.Sleep to
// look at a moment in between. synctest.Wait does not do for any of these: a
// dispatcher that delivers looks for work at intervals, so there is always a
// timer to come. Make dispatcher, network and receivers inside the bubble, with
// the bubble's t.
//
// All of it works outside of a bubble too, in real time; set short delays in
// [webhook.Options.Retry] then.
//
// # More than one endpoint
//
// [Register] adds receivers to a dispatcher. [Network] is the in-memory network
// below: hand its Transport to any dispatcher, or http.Client, and mount any
// handlers on it.
//
// # Endpoints that mean harm
//
// [NewHostile] starts a server that stalls, floods, lies or fails its TLS
// handshake, on a real socket; [HostileBehaviours] lists what it can do.
package webhooktest
