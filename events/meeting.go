package events

// MeetingBookedData is the data of [MeetingBooked].
type MeetingBookedData struct {
	// Lead is who booked the meeting.
	Lead Lead `json:"lead"`
	// Meeting is what was booked.
	Meeting Meeting `json:"meeting"`
}

// Meeting is a meeting that a lead booked.
type Meeting struct {
	// ID identifies the meeting, the same in all events. Never null.
	ID string `json:"id"`
	// Title is the meeting's title in the calendar; null when it has none.
	Title *string `json:"title"`
	// Start is when it begins, in UTC; null only when the calendar does not tell.
	// Show it in TimeZone.
	Start Time `json:"start"`
	// End is when it ends, in UTC and after Start; null only when the calendar
	// does not tell.
	End Time `json:"end"`
	// TimeZone is the zone in which it was booked, as an IANA name such as
	// "Europe/Lisbon"; null when unknown.
	TimeZone *string `json:"time_zone"`
	// JoinURL is the link to join the meeting; null when there is none, as for a
	// meeting by telephone.
	JoinURL *string `json:"join_url"`
	// BookingURL is the calendar link that it was booked through; null when unknown.
	BookingURL *string `json:"booking_url"`
	// Attendee is who booked it.
	Attendee Attendee `json:"attendee"`
}

// Attendee is the person who booked a meeting, as entered in the booking form. The
// address may differ from the lead's.
type Attendee struct {
	// Name is the name as entered; null when the form does not ask.
	Name *string `json:"name"`
	// Email is the e-mail address as entered; null when the form does not ask.
	Email *string `json:"email"`
}
