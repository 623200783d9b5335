package contract

import (
	"regexp"
	"slices"
	"strings"

	"gancho/internal/yamlfile"
)

// insteadOf says what to write in the place of keys that other systems have.
var insteadOf = map[string]string{
	"name":        "Write contract: my-system",
	"id":          "Write contract: my-system",
	"version":     "Remove it: Gancho counts the versions of a contract.",
	"url":         "Remove it: an address belongs to each endpoint, and is given when an endpoint is created.",
	"secret":      "Remove it: each endpoint has a secret of its own. How requests are signed is said by endpoint: sign.",
	"webhooks":    "Write events: the event types by name.",
	"event":       "Write events: the event types by name.",
	"topics":      "Write events: the event types by name.",
	"token":       `Write a header, for example headers: {Authorization: "Bearer ${settings.token}"}, and describe token under settings.`,
	"api_key":     `Write a header, for example headers: {Authorization: "Bearer ${settings.token}"}, and describe token under settings.`,
	"retries":     "Write the delays before each attempt, for example retry: [0s, 5s, 5m]",
	"attempts":    "Write the delays before each attempt, for example retry: [0s, 5s, 5m]",
	"backoff":     "Write the delays before each attempt, for example retry: [0s, 5s, 5m]",
	"rate_limit":  "Write per_second: 10",
	"per_minute":  "Write per_second: 10, or a part of one: per_second: 0.5",
	"filter":      "Endpoints have filters of their own. For an event that only some changes of a record make, write on: and when:",
	"type":        "The name of the event type is the key before it.",
	"description": "Write about:",
	"params":      "Write query:",
	"ssl":         "Remove it: certificates are always checked.",
	"verify_ssl":  "Remove it: certificates are always checked.",
}

// places are the sections in which a key is looked for that stands in the wrong one, the likely ones first.
var places = []string{"endpoint", "delivery", "", "events.*", "records.*", "endpoint.sign"}

// advice says what to write in the place of a key of the language that is unknown among keys, "" if it does not know.
func advice(key string, keys []string) string {
	section := func(name string) bool { return slices.Equal(keysOf[name], keys) }
	ours := slices.ContainsFunc(places, section)
	if !ours {
		return ""
	}
	for _, place := range places[:4] {
		switch {
		case section(place) || !slices.Contains(keysOf[place], key):
		case place == "":
			return key + " stands at the top, not inside another key."
		case place == "events.*":
			return "Write it under an event type: events: {order.paid: {" + key + ": …}}"
		default:
			return "Write it under " + place + ": " + place + ": {" + key + ": …}"
		}
	}
	if key == "type" && !section("events.*") {
		return ""
	}
	return insteadOf[key]
}

var statusWord = regexp.MustCompile(`^(\d\d\d|[2-5]xx)$`)

// statusOnly reports a success rule that is only a status or a list of them, and says how a rule is written.
func (l *loader) statusOnly(n *yamlfile.Node) bool {
	items := []*yamlfile.Node{n}
	if n.Kind == yamlfile.KindList {
		items = n.Items
	}
	var texts []string
	for _, item := range items {
		if !statusWord.MatchString(strings.ToLower(item.Text)) {
			return false
		}
		texts = append(texts, item.Text)
	}
	if len(texts) == 0 {
		return false
	}
	fix := "Write response.status == " + texts[0]
	switch low := strings.ToLower(texts[0]); {
	case len(texts) > 1:
		fix = "Write response.status in [" + strings.Join(texts, ", ") + "]"
	case low == "2xx":
		fix = "Remove the line: without it, any 2xx is a success."
	case strings.HasSuffix(low, "xx"):
		fix = "Write response.status >= " + low[:1] + "00 && response.status < " + string(low[0]+1) + "00"
	}
	l.ProblemAt(n, "The success rule is a condition, not a status.", fix)
	return true
}
