package events

// LeadCreatedData is the data of [LeadCreated]. What is not known yet when the
// lead is added, often its score and its enrichment, is null.
type LeadCreatedData struct {
	// Lead says who the lead is.
	Lead Lead `json:"lead"`
	// Score is the buyer score.
	Score Score `json:"score"`
	// Source says how the lead was discovered.
	Source Source `json:"source"`
	// Enrichment is what is known of the lead's profession and company.
	Enrichment Enrichment `json:"enrichment"`
	// WebIntelligence is what the company's website and further research gave.
	WebIntelligence WebIntelligence `json:"web_intelligence"`
}

// LeadScoredData is the data of [LeadScored].
type LeadScoredData struct {
	// Lead says who the lead is.
	Lead Lead `json:"lead"`
	// Score is the buyer score that was just computed.
	Score Score `json:"score"`
	// Source says how the lead was discovered.
	Source Source `json:"source"`
	// Enrichment is what is known of the lead's profession and company.
	Enrichment Enrichment `json:"enrichment"`
	// WebIntelligence is what the company's website and further research gave.
	WebIntelligence WebIntelligence `json:"web_intelligence"`
}

// EnrichmentCompletedData is the data of [EnrichmentCompleted].
type EnrichmentCompletedData struct {
	// Lead says who the lead is.
	Lead Lead `json:"lead"`
	// Score is the buyer score.
	Score Score `json:"score"`
	// Source says how the lead was discovered.
	Source Source `json:"source"`
	// Enrichment is the profile that was just completed.
	Enrichment Enrichment `json:"enrichment"`
	// WebIntelligence is what the company's website and further research gave.
	WebIntelligence WebIntelligence `json:"web_intelligence"`
}

// Lead is the identity of a lead. It is in the data of every event.
type Lead struct {
	// ID identifies the lead for as long as it exists, the same in all events. Use
	// it as the key of your own records: names, handles and addresses change.
	// Never null.
	ID string `json:"id"`
	// Name is the display name, as written on the profile; null when unknown.
	Name *string `json:"name"`
	// Username is the handle on the network where the lead was found, without a
	// leading @; null when unknown.
	Username *string `json:"username"`
	// Bio is the profile's description of the lead, free text of several lines;
	// null when unknown.
	Bio *string `json:"bio"`
	// Headline is the professional headline, such as a role and a company; null
	// when unknown.
	Headline *string `json:"headline"`
	// Location is the place as the lead wrote it, not normalised; null when unknown.
	Location *string `json:"location"`
	// Email is the e-mail address; null when none was found.
	Email *string `json:"email"`
	// XURL is the address of the profile on X; null when unknown.
	XURL *string `json:"x_url"`
	// LinkedInURL is the address of the profile on LinkedIn; null when unknown.
	LinkedInURL *string `json:"linkedin_url"`
}

// Score says how likely the lead is to buy, and how to reach it. All of its fields
// are null until the lead is scored.
type Score struct {
	// Overall is the buyer score from 0 to 100, higher is better; null until scored.
	Overall *int `json:"overall"`
	// Fit says how well the lead matches the ideal customer, from 0 to 100; null
	// until scored.
	Fit *int `json:"fit"`
	// Intent says how strongly the lead shows interest, from 0 to 100; null until
	// scored.
	Intent *int `json:"intent"`
	// Timing says how near the moment of buying is, from 0 to 100; null until scored.
	Timing *int `json:"timing"`
	// BuyerState is the stage that the lead has reached; null until scored.
	BuyerState *BuyerState `json:"buyer_state"`
	// OutreachStrategy is the suggested outreach strategy, in sentences; null when
	// there is none.
	OutreachStrategy *string `json:"outreach_strategy"`
	// RecommendedChannel is the channel to reach the lead on; null when there is
	// no recommendation.
	RecommendedChannel *Channel `json:"recommended_channel"`
	// ScoredAt is when the score was computed; null until scored.
	ScoredAt Time `json:"scored_at"`
}

// BuyerState is a stage on the way to buying. States may be added: treat one that
// you do not know as text to show.
type BuyerState string

// The states of a buyer, from the first stage to the last.
const (
	// BuyerUnaware has shown no sign of the problem.
	BuyerUnaware BuyerState = "unaware"
	// BuyerProblemAware speaks of the problem, not of solutions.
	BuyerProblemAware BuyerState = "problem_aware"
	// BuyerSolutionAware knows that there are solutions.
	BuyerSolutionAware BuyerState = "solution_aware"
	// BuyerEvaluating compares solutions.
	BuyerEvaluating BuyerState = "evaluating"
	// BuyerReady is ready to buy.
	BuyerReady BuyerState = "ready_to_buy"
)

// Channel is a network or medium on which leads are found and written to. Channels
// may be added.
type Channel string

// The channels.
const (
	// ChannelX is X: posts and direct messages.
	ChannelX Channel = "x"
	// ChannelLinkedIn is LinkedIn: posts and messages.
	ChannelLinkedIn Channel = "linkedin"
	// ChannelEmail is e-mail.
	ChannelEmail Channel = "email"
)

// Source says how the lead was discovered and what surfaced it.
type Source struct {
	// Discovery is the way in which the lead was found; null when unknown.
	Discovery *Discovery `json:"discovery"`
	// Description says in a sentence how the lead was discovered, such as the
	// keyword that matched; null when unknown.
	Description *string `json:"description"`
	// DiscoveredAt is when the lead was discovered; null when unknown.
	DiscoveredAt Time `json:"discovered_at"`
	// Post is the original content or post that surfaced the lead. All of its
	// fields are null when the lead came without one, as from an import.
	Post Post `json:"post"`
}

// Discovery is a way in which leads are found. Ways may be added.
type Discovery string

// The ways in which leads are found.
const (
	// DiscoveryKeyword is a post that matched a monitored keyword.
	DiscoveryKeyword Discovery = "keyword"
	// DiscoveryEngagement is a reaction to a post that is being watched.
	DiscoveryEngagement Discovery = "engagement"
	// DiscoverySearch is a search for profiles.
	DiscoverySearch Discovery = "search"
	// DiscoveryImport is a list that was imported.
	DiscoveryImport Discovery = "import"
	// DiscoveryManual is an entry made by hand.
	DiscoveryManual Discovery = "manual"
	// DiscoveryAPI is another program.
	DiscoveryAPI Discovery = "api"
)

// Post is something that was published: a post on a network or other content.
type Post struct {
	// Channel is the network that it was published on; null when it is none of
	// them or unknown.
	Channel *Channel `json:"channel"`
	// URL is the address of the post; null when unknown.
	URL *string `json:"url"`
	// Text is the content as plain text; null when unknown.
	Text *string `json:"text"`
	// PostedAt is when it was published; null when unknown.
	PostedAt Time `json:"posted_at"`
}
