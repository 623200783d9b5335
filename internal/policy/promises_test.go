package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// proof is a sentence that stands in a document, and the tests that fail if it is not true. A test is its
// package and its name.
type proof struct {
	sentence string
	tests    []string
}

// promises are the sentences on which people rely. Who changes one changes the test, and the other way round.
var promises = map[string][]proof{
	"README.md": {
		{"Gancho answers `202` after the event and its deliveries are in one synced database commit.", []string{"app.TestKillUnderLoad", "app.TestKills", "store.TestCommitsAreSynced", "store.TestUnsyncedCommitsAreWarnedOf"}},
		{"`kill -9` at any moment loses nothing that was acknowledged.", []string{"app.TestKillUnderLoad", "app.TestKills"}},
		{"Payloads stay the bytes that you sent", []string{"api.TestExactBytes", "api.TestPayloadBytes", "send/http.TestSendWire"}},
		{"Every retry sends the same body.", []string{"deliver.TestDefaultSchedule", "deliver.TestCorrectionReachesWhatFailed", "deliver.TestScriptedRequestIsFrozen"}},
		{"An endpoint that hangs, or has a million deliveries waiting, does not slow the others.", []string{"deliver.TestHangingEndpointAlone", "store.TestDueByIndex"}},
		{"Delivery is at-least-once, or at-most-once where a contract asks for it.", []string{"api.TestCredentials", "deliver.TestAtMostOnceIsNeverSentAgain", "app.TestKillDuringAttempts"}},
		{"Where nobody can know whether a request arrived, the state is `unknown`.", []string{"app.TestKillDuringAttempts"}},
		{"any number of nodes on one PostgreSQL", []string{"app.TestNodeKilled", "app.TestRollingRestart"}},
		{"sends a test now, and says in plain words what is wrong and whom to ask", []string{"api.TestTestLanguage", "api.TestTestEndpoint"}},
		{"the exact bytes; the event's id is yours or Gancho's", []string{"api.TestExactBytes"}},
		{"checked, versioned, in force at once", []string{"api.TestPutContract"}},
		{"Receivers verify the default contract's signatures with any", []string{"sign.TestAgainstOfficialGo", "sign.TestAgainstOfficialJavaScript"}},
		{"Gancho keeps each document byte for byte, compares old and new, and commits the change together with its events.", []string{"store.TestRecordKeepsBytes", "ingest.TestChange", "app.TestKillWhileRecordsChange"}},
		{"Writing the same document twice fires nothing twice.", []string{"ingest.TestChange"}},
		{"`If-Match` protects against overwriting.", []string{"api.TestRecordPreconditions"}},
		{"A condition that fails is reported in the answer and does not block the write.", []string{"ingest.TestChange"}},
		{"A credential is created and deleted together with its endpoint", []string{"api.TestCredentials"}},
		{"its tokens are refused, its deliveries wait", []string{"api.TestLookUp", "api.TestCredentials", "api.TestCredentialsTogether"}},
		{"with a token: the record, byte for byte as you put it", []string{"api.TestLookUp"}},
		{"ends the link and every session opened with it, at once", []string{"api.TestPortalRevoked"}},
		{"also end when that key is revoked, expires, or is rotated and its overlap is over", []string{"auth.TestPortalEndsWithKey"}},
		{"Rotating gives it a new text, and the old one works until the overlap ends", []string{"api.TestKeyRotationOverAPI", "admin.TestKeyRotation", "auth.TestAuthenticate"}},
		{"A test checks which package may import which.", []string{"policy.TestImports"}},
	},
	// Every row of the table of arrows is here; TestEveryArrowIsProven looks.
	"docs/states.md": {
		{"| a sender takes it | waiting | `sending` |", []string{"deliver.TestAtMostOnceIsNeverSentAgain", "deliver.TestArrows"}},
		{"| its attempt succeeds | `sending` | `delivered` |", []string{"deliver.TestArrows"}},
		{"| its attempt fails, the schedule has places left | `sending` | `retrying` |", []string{"deliver.TestArrows", "deliver.TestDefaultSchedule"}},
		{"| … and it is at-most-once, a test, has no place left in the schedule, `stop_if` or `disable_if` holds, or it can never succeed |", []string{"deliver.TestRulesDecide", "deliver.TestArrows", "deliver.TestTestIsApart", "deliver.TestGoneDisables", "deliver.TestNoTransport"}},
		{"| … in a strict queue,", []string{"hook.TestNext", "deliver.TestStrictQueueHolds"}},
		{"| … and it holds its queue | `retrying` | `pending`;", []string{"hook.TestNext", "deliver.TestStrictQueueHolds"}},
		{"| a person skips it, and it holds its queue |", []string{"hook.TestNext", "deliver.TestStrictQueueHolds"}},
		{"| … and `pause_if` holds | `sending` | `retrying`,", []string{"deliver.TestRulesDecide"}},
		{"| a crash or a stop interrupts its attempt | `sending` | `pending`;", []string{"app.TestKillDuringAttempts", "app.TestStopFinishes"}},
		{"| … and it is at-most-once | `sending` | `unknown` |", []string{"app.TestKillDuringAttempts", "deliver.TestInterruptedKeepsItsMode"}},
		{"| … and it is a test | `sending` | `failed`, with the reason `interrupted` |", []string{"app.TestKillDuringTest", "deliver.TestTestAfterACrash"}},
		{"| the endpoint's script cancels it | `sending` | `cancelled`,", []string{"deliver.TestScriptCancels"}},
		{"| its attempt was a trial | `sending` | `cancelled`,", []string{"deliver.TestShadow"}},
		{"| its sender puts it back unsent,", []string{"hook.TestNext", "deliver.TestExpectedAndNotReady", "deliver.TestStoredAsSending"}},
		{"| it is made, and evaluating its endpoint's filter would cost too much work |", []string{"ingest.TestFilterBomb", "ingest.TestRecoverLeftOut"}},
		{"| it is made, and its endpoint's filter has no truth value for the event |", []string{"ingest.TestFailedFilter"}},
		{"| its endpoint is disabled or deleted | waiting | `cancelled` |", []string{"deliver.TestArrows", "deliver.TestGoneDisables"}},
		{"| … before its attempt fails, is interrupted or is put back |", []string{"deliver.TestArrows", "hook.TestNext"}},
		{"| a newer snapshot supersedes it | waiting | `cancelled` |", []string{"schedule.TestSupersede"}},
		{"| … while it is being sent | `sending`, at-least-once |", []string{"schedule.TestSupersededAndInterrupted"}},
		{"| a newer delivery for the same endpoint and key of `debounce` takes its place |", []string{"ingest.TestDebounce", "ingest.TestDebounceTogether", "ingest.TestDebounceRetriedByAPerson"}},
		{"| a person retries it | finished | `pending`;", []string{"deliver.TestArrows", "hook.TestNext", "api.TestRetryAndRecover"}},
		{"| a person retries it | `retrying` | `retrying`, due at once |", []string{"deliver.TestArrows"}},
		{"| a person cancels what waits | waiting, no test |", []string{"hook.TestNext", "store.TestStatesByNext"}},
		{"| … while it is being sent | `sending`, at-least-once, no test |", []string{"hook.TestNext", "store.TestStatesByNext"}},
		{"| a bulk replay recovers it |", []string{"ingest.TestRecover", "hook.TestNext", "deliver.TestAfterATrial"}},
	},
}

// words are the words of a text, as long as there is one space between them.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestPromisesAreTested finds a promise that no document makes any more, and a test that was renamed or removed.
func TestPromisesAreTested(t *testing.T) {
	root := filepath.Join("..", "..")
	tests := map[string]bool{}
	name := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for file, src := range goFiles(t) {
		if !isTest(file) {
			continue
		}
		dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "internal/")
		for _, m := range name.FindAllSubmatch(src, -1) {
			tests[dir+"."+string(m[1])] = true
		}
	}
	for document, list := range promises {
		raw, err := os.ReadFile(filepath.Join(root, document))
		if err != nil {
			t.Fatal(err)
		}
		text := words(string(raw))
		for _, p := range list {
			if !strings.Contains(text, words(p.sentence)) {
				t.Errorf("%s does not say %q any more: change promises, and the tests %v if it says something else now", document, p.sentence, p.tests)
			}
			for _, test := range p.tests {
				if !tests[test] {
					t.Errorf("there is no test %s, which proves what %s says: %q", test, document, p.sentence)
				}
			}
		}
	}
}

// TestEveryArrowIsProven finds a row of the table of arrows in docs/states.md that has no test.
func TestEveryArrowIsProven(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "states.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(raw), "| what happens | to a delivery that is | it becomes |")
	if !found {
		t.Fatal("docs/states.md has no table of arrows")
	}
	rows := 0
	for line := range strings.Lines(strings.TrimPrefix(table, "\n")) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "|---") {
			continue
		}
		rows++
		proven := false
		for _, p := range promises["docs/states.md"] {
			proven = proven || strings.HasPrefix(words(line), words(p.sentence))
		}
		if !proven {
			t.Errorf("no test proves this arrow; add it to promises: %s", line)
		}
	}
	if rows < 10 {
		t.Errorf("only %d rows", rows)
	}
}
