// Package events holds the seven events that AutoReach sends as webhooks: their
// names, their titles and descriptions, the Go type of each one's data, and a
// realistic sample of each. Senders, receivers and the settings page share it.
// It imports the standard library only, so a receiver that imports it pays
// nothing.
//
// # Receiving
//
// The body of a delivery has three fields: event, timestamp and data. Verify the
// signature first (package verify does it), choose by the event's name, then
// decode data into that event's type:
//
//	switch event {
//	case events.LeadScored:
//		var d events.LeadScoredData
//		if err := json.Unmarshal(data, &d); err != nil {
//			return err
//		}
//		if d.Score.Overall != nil && *d.Score.Overall >= 80 {
//			route(d.Lead.ID, events.Value(d.Lead.Email))
//		}
//	}
//
// Ignore events and fields that you do not know: they are added over time, and
// none is renamed or removed. The same holds for the values of [BuyerState],
// [Channel] and the other enumerations.
//
// # What is in the JSON
//
// Every documented field is present in every delivery, under its snake_case
// name, at every depth, known or not. How an unknown value looks follows from
// the field's Go type:
//
//   - a pointer (*string, *int, …) is null when nil;
//   - a [Time] is null when zero, else RFC 3339 in UTC with three fraction digits;
//   - a [List] is never null: [] when there is nothing;
//   - a struct is never null: the fields within it are, so that
//     data.score.overall is a safe path before the lead has a score;
//   - a string or a named string type without pointer is never null.
//
// # Sending
//
// Give the event's data type, or a pointer to it, as the data of the event that
// you emit. [Ptr] and [NonZero] set optional fields, [At] makes a [Time], and
// [RecentMessages] keeps a conversation within its bound:
//
//	events.LeadScoredData{
//		Lead:  events.Lead{ID: row.ID, Name: events.NonZero(row.Name)},
//		Score: events.Score{Overall: events.Ptr(87), ScoredAt: events.At(row.ScoredAt)},
//	}
//
// LeadCreatedData, LeadScoredData and EnrichmentCompletedData have the same
// fields, so one function may build the first and convert it to the others.
//
// # Events of your own
//
// A product other than AutoReach describes its own events with [Of] and
// registers those instead of, or beside, what [All] returns.
package events

// The names of the events, as they stand in the payload's event field. They are
// untyped constants, to be used as a string or as a sender's own string type.
const (
	// LeadCreated says that a new lead has been added, from any source. Its data
	// is a [LeadCreatedData].
	LeadCreated = "lead.created"
	// LeadScored says that the buyer intelligence engine has scored a lead. Its
	// data is a [LeadScoredData].
	LeadScored = "lead.scored"
	// ReplyReceived says that a lead replied to a message. Its data is a
	// [ReplyReceivedData].
	ReplyReceived = "reply.received"
	// MessageSent says that an outreach message was sent to a lead. Its data is a
	// [MessageSentData].
	MessageSent = "message.sent"
	// AIResponseSent says that the AI auto-responder sent a follow-up message.
	// Its data is an [AIResponseSentData].
	AIResponseSent = "ai_response.sent"
	// MeetingBooked says that a lead booked a meeting. Its data is a
	// [MeetingBookedData].
	MeetingBooked = "meeting.booked"
	// EnrichmentCompleted says that a lead's profile enrichment has finished. Its
	// data is an [EnrichmentCompletedData].
	EnrichmentCompleted = "enrichment.completed"
)

// All returns the seven events in the order in which customers see them. The
// slice is the caller's own: append to it or filter it freely.
func All() []Type {
	return []Type{
		Of(LeadCreated, "Lead Created",
			"A new lead has been added to your account (from any source)", sampleLeadCreated),
		Of(LeadScored, "Lead Scored",
			"A lead has been scored by the buyer intelligence engine", sampleLeadScored),
		Of(ReplyReceived, "Reply Received",
			"A lead replied to your DM or message", sampleReplyReceived),
		Of(MessageSent, "Message Sent",
			"An outreach message (DM) was sent to a lead", sampleMessageSent),
		Of(AIResponseSent, "AI Response Sent",
			"The AI auto-responder sent a follow-up message in a conversation", sampleAIResponseSent),
		Of(MeetingBooked, "Meeting Booked",
			"A lead booked a meeting through your calendar link", sampleMeetingBooked),
		Of(EnrichmentCompleted, "Enrichment Completed",
			"A lead's profile enrichment has finished", sampleEnrichmentCompleted),
	}
}
