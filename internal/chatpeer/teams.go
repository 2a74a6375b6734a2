package chatpeer

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Teams judges the body of a message to a webhook of Teams' Workflows: one
// Adaptive Card of the elements that show text as it is, by the schema of
// adaptivecards.io.
func Teams(body []byte) error {
	var m struct {
		Type        string `json:"type"`
		Summary     string `json:"summary"`
		Attachments []struct {
			ContentType string  `json:"contentType"`
			ContentURL  *string `json:"contentUrl"`
			Content     struct {
				Schema       string         `json:"$schema"`
				Type         string         `json:"type"`
				Version      string         `json:"version"`
				FallbackText string         `json:"fallbackText"`
				MSTeams      map[string]any `json:"msteams"`
				Body         []struct {
					Type      string `json:"type"`
					Spacing   string `json:"spacing"`
					Separator bool   `json:"separator"`
					Inlines   []struct {
						Type         string `json:"type"`
						Text         string `json:"text"`
						Size         string `json:"size"`
						Weight       string `json:"weight"`
						Subtle       bool   `json:"isSubtle"`
						Italic       bool   `json:"italic"`
						SelectAction *struct {
							Type string `json:"type"`
							URL  string `json:"url"`
						} `json:"selectAction"`
					} `json:"inlines"`
				} `json:"body"`
			} `json:"content"`
		} `json:"attachments"`
	}
	if len(body) > 28<<10 {
		return fmt.Errorf("%d bytes; Teams takes 28 KB", len(body))
	}
	if err := decode(body, &m); err != nil {
		return err
	}
	if m.Type != "message" || len(m.Attachments) != 1 {
		return fmt.Errorf("a %q with %d attachments", m.Type, len(m.Attachments))
	}
	a := m.Attachments[0]
	c := a.Content
	if a.ContentType != "application/vnd.microsoft.card.adaptive" || c.Type != "AdaptiveCard" || c.Version == "" || c.FallbackText == "" || len(c.Body) == 0 {
		return errors.New("not an Adaptive Card")
	}
	if c.MSTeams["entities"] != nil {
		return errors.New("the card mentions somebody")
	}
	if i := strings.IndexAny(c.FallbackText+m.Summary, "*_`[]<>"); i >= 0 {
		return fmt.Errorf("the fallback text has markup: %s", c.FallbackText)
	}
	var errs []error
	for _, e := range c.Body {
		if e.Type != "RichTextBlock" || len(e.Inlines) == 0 {
			errs = append(errs, fmt.Errorf("a %q with %d inlines: strangers' words belong in the runs of a RichTextBlock", e.Type, len(e.Inlines)))
		}
		for _, r := range e.Inlines {
			if r.Type != "TextRun" || r.Text == "" {
				errs = append(errs, fmt.Errorf("a %q without text", r.Type))
			}
			if a := r.SelectAction; a != nil && (a.Type != "Action.OpenUrl" || !isAddress(a.URL)) {
				errs = append(errs, fmt.Errorf("action %q to %q", a.Type, a.URL))
			}
			errs = append(errs, oneOf(r.Size, "", "Small", "Default", "Medium", "Large", "ExtraLarge"),
				oneOf(r.Weight, "", "Lighter", "Default", "Bolder"))
		}
		errs = append(errs, oneOf(e.Spacing, "", "None", "Small", "Default", "Medium", "Large", "ExtraLarge", "Padding"))
	}
	return errors.Join(errs...)
}

func oneOf(s string, values ...string) error {
	for _, v := range values {
		if s == v {
			return nil
		}
	}
	return fmt.Errorf("%q is none of %q", s, values)
}

// A TeamsServer answers as the trigger of a workflow does.
type TeamsServer struct {
	mu    sync.Mutex
	got   [][]byte
	wrong []error
}

// ServeHTTP answers a message: 202 without a body.
func (s *TeamsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := jsonBody(r)
	if err == nil {
		err = Teams(body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.wrong = append(s.wrong, fmt.Errorf("%w in %s", err, body))
		w.WriteHeader(400)
		return
	}
	s.got = append(s.got, body)
	w.WriteHeader(202)
}

// Posted returns the messages that were accepted.
func (s *TeamsServer) Posted() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte(nil), s.got...)
}

// Wrong says what was wrong with the messages that were not.
func (s *TeamsServer) Wrong() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.wrong...)
}
