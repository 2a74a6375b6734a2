package events

import "time"

// The people, companies and addresses in the samples are invented. Each sample
// holds text that JSON encoders write in different ways (&, <, ‹, é, an emoji,
// U+2028), so that a receiver which encodes the body again before it verifies the
// signature fails in its first test send and not in production.

// sampleTime is an instant of the samples' day, in UTC.
func sampleTime(hour, minute, second, milli int) Time {
	return At(time.Date(2026, time.November, 23, hour, minute, second, milli*int(time.Millisecond), time.UTC))
}

func sampleLeadCreated() LeadCreatedData {
	return LeadCreatedData{
		Lead:            sampleLead(),
		Score:           sampleScore(),
		Source:          sampleSource(),
		Enrichment:      sampleEnrichment(),
		WebIntelligence: sampleWebIntelligence(),
	}
}

func sampleLeadScored() LeadScoredData { return LeadScoredData(sampleLeadCreated()) }

func sampleEnrichmentCompleted() EnrichmentCompletedData {
	return EnrichmentCompletedData(sampleLeadCreated())
}

func sampleReplyReceived() ReplyReceivedData {
	messages := sampleMessages()[:2]
	return ReplyReceivedData{
		Lead:         sampleLead(),
		Message:      messages[1],
		Conversation: sampleConversation(messages),
	}
}

func sampleMessageSent() MessageSentData {
	messages := sampleMessages()[:1]
	return MessageSentData{
		Lead:         sampleLead(),
		Message:      messages[0],
		Conversation: sampleConversation(messages),
	}
}

func sampleAIResponseSent() AIResponseSentData {
	messages := sampleMessages()
	return AIResponseSentData{
		Lead:         sampleLead(),
		Message:      messages[2],
		Conversation: sampleConversation(messages),
	}
}

func sampleMeetingBooked() MeetingBookedData {
	return MeetingBookedData{
		Lead: sampleLead(),
		Meeting: Meeting{
			ID:         "meet_sample_01",
			Title:      Ptr("Intro: Lumenfjord & you ‹30 min›"),
			Start:      At(time.Date(2026, time.November, 25, 14, 0, 0, 0, time.UTC)),
			End:        At(time.Date(2026, time.November, 25, 14, 30, 0, 0, time.UTC)),
			TimeZone:   Ptr("Europe/Lisbon"),
			JoinURL:    Ptr("https://meet.example.com/j/sample-01?from=calendar&lang=en"),
			BookingURL: Ptr("https://calendar.example.com/you/intro"),
			Attendee: Attendee{
				Name:  Ptr("Renée Okonedo-Vale"),
				Email: Ptr("renee@lumenfjord.example.com"),
			},
		},
	}
}

func sampleLead() Lead {
	return Lead{
		ID:          "lead_sample_01",
		Name:        Ptr("Renée Okonedo-Vale"),
		Username:    Ptr("renee_okonedo_vale"),
		Bio:         Ptr("Ops & data at Lumenfjord ‹we measure tides›. Fewer tools, <3 meetings a day 🌊\u2028Café opinions are my own."),
		Headline:    Ptr("Head of Revenue Operations at Lumenfjord & Daughters"),
		Location:    Ptr("Lisbon, Portugal"),
		Email:       Ptr("renee@lumenfjord.example.com"),
		XURL:        Ptr("https://x.example.com/renee_okonedo_vale"),
		LinkedInURL: Ptr("https://linkedin.example.com/in/renee-okonedo-vale"),
	}
}

func sampleScore() Score {
	return Score{
		Overall:            Ptr(87),
		Fit:                Ptr(91),
		Intent:             Ptr(84),
		Timing:             Ptr(78),
		BuyerState:         Ptr(BuyerEvaluating),
		OutreachStrategy:   Ptr("Refer to her post about lead routing & offer a 15-minute comparison. Ask one question; send no deck."),
		RecommendedChannel: Ptr(ChannelX),
		ScoredAt:           sampleTime(10, 15, 30, 123),
	}
}

func sampleSource() Source {
	return Source{
		Discovery:    Ptr(DiscoveryKeyword),
		Description:  Ptr("Post matched the keyword “lead routing”"),
		DiscoveredAt: sampleTime(10, 14, 2, 40),
		Post:         samplePost(),
	}
}

func samplePost() Post {
	return Post{
		Channel:  Ptr(ChannelX),
		URL:      Ptr("https://x.example.com/renee_okonedo_vale/status/1000000000000000001"),
		Text:     Ptr("Our lead routing is a spreadsheet & a prayer 🙏 What do teams of <50 people use instead?"),
		PostedAt: sampleTime(9, 48, 11, 0),
	}
}

func sampleEnrichment() Enrichment {
	return Enrichment{
		Summary: Ptr("Revenue operations lead with ten years in B2B software; builds small teams that automate first."),
		Experience: List[Experience]{
			{
				Title:       Ptr("Head of Revenue Operations"),
				Company:     Ptr("Lumenfjord & Daughters"),
				Location:    Ptr("Lisbon, Portugal"),
				StartDate:   Ptr("2023-04"),
				EndDate:     nil, // she still works there
				Current:     Ptr(true),
				Description: Ptr("Owns CRM, lead routing & reporting for a sales team of 14."),
			},
			{
				Title:       Ptr("Sales Operations Manager"),
				Company:     Ptr("Quillmark Example Labs"),
				Location:    Ptr("Málaga, Spain"),
				StartDate:   Ptr("2018-09"),
				EndDate:     Ptr("2023-03"),
				Current:     Ptr(false),
				Description: Ptr("Moved four regional teams to one pipeline."),
			},
		},
		Education: List[Education]{{
			School:    Ptr("Fictional University of the Coast"),
			Degree:    Ptr("MSc"),
			Field:     Ptr("Applied Statistics"),
			StartDate: Ptr("2013"),
			EndDate:   Ptr("2015"),
		}},
		Skills: List[string]{"Revenue operations", "SQL", "R&D budgeting"},
		Certifications: List[Certification]{{
			Name:       "Certified Pipeline Analyst",
			Issuer:     Ptr("Sample Institute of Operations"),
			IssuedDate: Ptr("2021-06"),
		}},
		Languages: List[Language]{
			{Name: "English", Proficiency: Ptr("Native or bilingual")},
			{Name: "Portuguese", Proficiency: Ptr("Professional working")},
		},
		Company: Company{
			Name:         Ptr("Lumenfjord & Daughters"),
			Domain:       Ptr("lumenfjord.example.com"),
			URL:          Ptr("https://lumenfjord.example.com/"),
			LinkedInURL:  Ptr("https://linkedin.example.com/company/lumenfjord"),
			Industry:     Ptr("Marine Instruments & Software"),
			Size:         Ptr("51-200"),
			Headquarters: Ptr("Lisbon, Portugal"),
			FoundedYear:  Ptr(2011),
			Description:  Ptr("Sensors and dashboards for harbours."),
		},
		RecentPosts: List[Post]{
			samplePost(),
			{
				Channel:  Ptr(ChannelLinkedIn),
				URL:      Ptr("https://linkedin.example.com/posts/renee-okonedo-vale-sample"),
				Text:     Ptr("We are hiring a second analyst. Déjà vu? Yes, the first one is that good."),
				PostedAt: At(time.Date(2026, time.November, 19, 16, 5, 0, 0, time.UTC)),
			},
		},
		CompletedAt: sampleTime(10, 15, 4, 700),
	}
}

func sampleWebIntelligence() WebIntelligence {
	return WebIntelligence{
		Website: Website{
			URL:          Ptr("https://lumenfjord.example.com/"),
			Title:        Ptr("Lumenfjord – tides, measured"),
			Description:  Ptr("Tide sensors & dashboards for harbour authorities"),
			Summary:      Ptr("Sells sensors with a yearly subscription to harbours with <100 berths. Pricing is public; a partner programme opened this year."),
			Technologies: List[string]{"HarbourCMS", "TideChat"},
			ReadAt:       sampleTime(10, 14, 40, 5),
		},
		Findings: List[Finding]{{
			Title:   "Opened an office in Málaga",
			Summary: Ptr("The company’s news page announces a second office & six open sales roles."),
			URL:     Ptr("https://lumenfjord.example.com/news?id=42&lang=en"),
			FoundAt: sampleTime(10, 14, 52, 310),
		}},
	}
}

// sampleMessages is a conversation: outreach, reply, AI response.
func sampleMessages() []Message {
	return []Message{
		{
			ID:        "msg_sample_01",
			Channel:   ChannelX,
			Direction: Outbound,
			Author:    AuthorUser,
			Text:      "Hi Renée, saw your post on lead routing ‹the spreadsheet & the prayer›. Teams of <50 often start with one webhook 🚀\u2028Shall I show you?",
			SentAt:    sampleTime(11, 2, 0, 250),
		},
		{
			ID:        "msg_sample_02",
			Channel:   ChannelX,
			Direction: Inbound,
			Author:    AuthorLead,
			Text:      "Ha, fair 😄 Does it work with our CRM & Slack? We have <2 hours a week for this.\u2028‹Renée, from a café›",
			SentAt:    sampleTime(11, 30, 12, 8),
		},
		{
			ID:        "msg_sample_03",
			Channel:   ChannelX,
			Direction: Outbound,
			Author:    AuthorAI,
			Text:      "It does: CRM & Slack both, set up in <1 hour ✨\u2028Here is a calendar link ‹30 minutes›, or a café chat: https://calendar.example.com/you/intro",
			SentAt:    sampleTime(11, 31, 5, 990),
		},
	}
}

func sampleConversation(messages []Message) Conversation {
	return Conversation{
		ID:             "conv_sample_01",
		Channel:        ChannelX,
		URL:            Ptr("https://app.example.com/conversations/conv_sample_01"),
		MessageCount:   Ptr(len(messages)),
		RecentMessages: RecentMessages(messages),
	}
}
