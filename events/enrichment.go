package events

// Enrichment is what is known of a lead's profession and company. Its scalars are
// null and its lists are empty until the enrichment has found them.
type Enrichment struct {
	// Summary is the professional summary, in sentences; null when unknown.
	Summary *string `json:"summary"`
	// Experience is the work experience, newest first.
	Experience List[Experience] `json:"experience"`
	// Education holds the schools and degrees, newest first.
	Education List[Education] `json:"education"`
	// Skills are the skills as named on the profile.
	Skills List[string] `json:"skills"`
	// Certifications are the certificates on the profile, newest first.
	Certifications List[Certification] `json:"certifications"`
	// Languages are the languages that the lead speaks.
	Languages List[Language] `json:"languages"`
	// Company is the company that the lead works for now. All of its fields are
	// null when it is unknown.
	Company Company `json:"company"`
	// RecentPosts are the lead's own recent posts, newest first.
	RecentPosts List[Post] `json:"recent_posts"`
	// CompletedAt is when the enrichment finished; null until then.
	CompletedAt Time `json:"completed_at"`
}

// Experience is one position that a lead holds or held.
type Experience struct {
	// Title is the role; null when unknown.
	Title *string `json:"title"`
	// Company is the employer's name; null when unknown.
	Company *string `json:"company"`
	// Location is the place of work, as written on the profile; null when unknown.
	Location *string `json:"location"`
	// StartDate is the first day as far as it is known: YYYY, YYYY-MM or
	// YYYY-MM-DD; null when unknown.
	StartDate *string `json:"start_date"`
	// EndDate is the last day, in the same forms as StartDate; null when unknown
	// and while Current is true.
	EndDate *string `json:"end_date"`
	// Current says whether the lead holds the position now; null when unknown.
	Current *bool `json:"current"`
	// Description says what the work is; null when unknown.
	Description *string `json:"description"`
}

// Education is one school that a lead attends or attended.
type Education struct {
	// School is the name of the school; null when unknown.
	School *string `json:"school"`
	// Degree is the degree, as written on the profile; null when unknown.
	Degree *string `json:"degree"`
	// Field is the field of study; null when unknown.
	Field *string `json:"field"`
	// StartDate is the first day as far as it is known: YYYY, YYYY-MM or
	// YYYY-MM-DD; null when unknown.
	StartDate *string `json:"start_date"`
	// EndDate is the last day, in the same forms; null when unknown or ongoing.
	EndDate *string `json:"end_date"`
}

// Certification is one certificate of a lead.
type Certification struct {
	// Name is the certificate's name. Never null.
	Name string `json:"name"`
	// Issuer is the organisation that gave it; null when unknown.
	Issuer *string `json:"issuer"`
	// IssuedDate is the day as far as it is known: YYYY, YYYY-MM or YYYY-MM-DD;
	// null when unknown.
	IssuedDate *string `json:"issued_date"`
}

// Language is one language that a lead speaks.
type Language struct {
	// Name is the language's name in English. Never null.
	Name string `json:"name"`
	// Proficiency says how well, in the profile's own words; null when unknown.
	Proficiency *string `json:"proficiency"`
}

// Company is the company that a lead works for.
type Company struct {
	// Name is the company's name; null when unknown.
	Name *string `json:"name"`
	// Domain is the bare domain of its website, without scheme or "www."; null
	// when unknown.
	Domain *string `json:"domain"`
	// URL is the address of its website; null when unknown.
	URL *string `json:"url"`
	// LinkedInURL is the address of its page on LinkedIn; null when unknown.
	LinkedInURL *string `json:"linkedin_url"`
	// Industry is the industry that it works in; null when unknown.
	Industry *string `json:"industry"`
	// Size is the number of employees, as a range such as "51-200"; null when
	// unknown.
	Size *string `json:"size"`
	// Headquarters is the place of its head office; null when unknown.
	Headquarters *string `json:"headquarters"`
	// FoundedYear is the year of its foundation, four digits; null when unknown.
	FoundedYear *int `json:"founded_year"`
	// Description says what it does; null when unknown.
	Description *string `json:"description"`
}

// WebIntelligence is what was learned on the web about a lead and its company.
type WebIntelligence struct {
	// Website is what the company's website says. All of its fields are null or
	// empty when it was not read.
	Website Website `json:"website"`
	// Findings are further results of research, the most relevant first.
	Findings List[Finding] `json:"findings"`
}

// Website is data read from a company's website.
type Website struct {
	// URL is the address that was read; null when none was.
	URL *string `json:"url"`
	// Title is the site's title; null when unknown.
	Title *string `json:"title"`
	// Description is the site's description of itself; null when it has none.
	Description *string `json:"description"`
	// Summary says in sentences what the site offers and to whom; null when unknown.
	Summary *string `json:"summary"`
	// Technologies are the products that the site is seen to use.
	Technologies List[string] `json:"technologies"`
	// ReadAt is when the site was read; null when it was not.
	ReadAt Time `json:"read_at"`
}

// Finding is one result of research.
type Finding struct {
	// Title says in a few words what was found. Never null.
	Title string `json:"title"`
	// Summary is the finding in sentences; null when the title says it all.
	Summary *string `json:"summary"`
	// URL is the address of the page that says so; null when there is none.
	URL *string `json:"url"`
	// FoundAt is when it was found; null when unknown.
	FoundAt Time `json:"found_at"`
}
