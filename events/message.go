package events

// MaxRecentMessages is the greatest number of messages that the conversation
// context of an event holds. A sender leaves out the oldest; [RecentMessages]
// does it.
const MaxRecentMessages = 20

// ReplyReceivedData is the data of [ReplyReceived].
type ReplyReceivedData struct {
	// Lead is who replied.
	Lead Lead `json:"lead"`
	// Message is the reply.
	Message Message `json:"message"`
	// Conversation is what the reply belongs to.
	Conversation Conversation `json:"conversation"`
}

// MessageSentData is the data of [MessageSent].
type MessageSentData struct {
	// Lead is whom the message was sent to.
	Lead Lead `json:"lead"`
	// Message is the outreach message.
	Message Message `json:"message"`
	// Conversation is what the message belongs to.
	Conversation Conversation `json:"conversation"`
}

// AIResponseSentData is the data of [AIResponseSent].
type AIResponseSentData struct {
	// Lead is whom the response was sent to.
	Lead Lead `json:"lead"`
	// Message is the response that the AI auto-responder wrote.
	Message Message `json:"message"`
	// Conversation is what the response belongs to.
	Conversation Conversation `json:"conversation"`
}

// Message is one message between the account and a lead.
type Message struct {
	// ID identifies the message, the same in all events. Never null.
	ID string `json:"id"`
	// Channel is where it was sent. Never null.
	Channel Channel `json:"channel"`
	// Direction says which way it went. Never null.
	Direction Direction `json:"direction"`
	// Author says who wrote it. Never null.
	Author Author `json:"author"`
	// Text is the content as plain text, empty when it holds none, as with a
	// picture alone. Never null.
	Text string `json:"text"`
	// SentAt is when it was sent; null when the channel does not tell.
	SentAt Time `json:"sent_at"`
}

// Direction is the way that a message went.
type Direction string

// The directions.
const (
	// Inbound is from the lead to the account.
	Inbound Direction = "inbound"
	// Outbound is from the account to the lead.
	Outbound Direction = "outbound"
)

// Author is the kind of writer of a message. Kinds may be added.
type Author string

// The kinds of writers.
const (
	// AuthorLead is the lead.
	AuthorLead Author = "lead"
	// AuthorUser is a person on the account's side, or a sequence that they set up.
	AuthorUser Author = "user"
	// AuthorAI is the AI auto-responder.
	AuthorAI Author = "ai"
)

// Conversation is the context of a message: the exchange with one lead on one
// channel.
type Conversation struct {
	// ID identifies the conversation, the same in all events. Never null.
	ID string `json:"id"`
	// Channel is where it takes place. Never null.
	Channel Channel `json:"channel"`
	// URL is where a person can read it; null when there is no such page.
	URL *string `json:"url"`
	// MessageCount is the number of messages in the whole conversation, the
	// event's own included; null when unknown. It is greater than the length of
	// RecentMessages when older ones were left out.
	MessageCount *int `json:"message_count"`
	// RecentMessages are the last messages, oldest first, at most
	// [MaxRecentMessages]. The event's own message is among them.
	RecentMessages List[Message] `json:"recent_messages"`
}

// RecentMessages returns the last [MaxRecentMessages] of messages, which are in
// order from the oldest to the newest. The result shares no memory with messages.
func RecentMessages(messages []Message) List[Message] {
	messages = messages[max(0, len(messages)-MaxRecentMessages):]
	return append(List[Message]{}, messages...)
}
