package api

import (
	"net/http"

	"gancho/internal/hook"
)

// Kinds of failures that only HTTP knows, beside those of package hook.
const (
	kindMethod        hook.Kind = "method_not_allowed"
	kindNotAcceptable hook.Kind = "not_acceptable"
	kindTimeout       hook.Kind = "timeout"
	kindUnsupported   hook.Kind = "unsupported"
	kindInternal      hook.Kind = "internal"
)

// statuses is the one place where kinds of failures become HTTP.
var statuses = map[hook.Kind]int{
	hook.KindMalformed:    http.StatusBadRequest,
	hook.KindInvalid:      http.StatusUnprocessableEntity,
	hook.KindUnauthorized: http.StatusUnauthorized,
	hook.KindForbidden:    http.StatusForbidden,
	hook.KindNotFound:     http.StatusNotFound,
	hook.KindConflict:     http.StatusConflict,
	hook.KindPrecondition: http.StatusPreconditionFailed,
	hook.KindTooLarge:     http.StatusRequestEntityTooLarge,
	hook.KindLimited:      http.StatusTooManyRequests,
	hook.KindUnavailable:  http.StatusServiceUnavailable,
	kindMethod:            http.StatusMethodNotAllowed,
	kindNotAcceptable:     http.StatusNotAcceptable,
	kindTimeout:           http.StatusRequestTimeout,
	kindUnsupported:       http.StatusUnsupportedMediaType,
	kindInternal:          http.StatusInternalServerError,
}

// meanings are the codes of problems: the kind of each, and what it means, for the document.
var meanings = map[string]struct {
	kind hook.Kind
	text string
}{
	"json_invalid": {
		hook.KindMalformed,
		"The body is not JSON, or has a member twice, invalid UTF-8 or too deep nesting.",
	},
	"body_incomplete":        {hook.KindMalformed, "The body did not arrive as a whole."},
	"body_missing":           {hook.KindMalformed, "There is no body."},
	"request_malformed":      {hook.KindMalformed, "The request cannot be read."},
	"key_missing":            {hook.KindUnauthorized, "There is no API key."},
	"key_invalid":            {hook.KindUnauthorized, "The API key does not exist, was revoked, or has expired."},
	"session_ended":          {hook.KindUnauthorized, "The session has ended; sign in again."},
	"link_expired":           {hook.KindUnauthorized, "The portal link cannot be read, or has expired."},
	"portal_forbidden":       {hook.KindForbidden, "The portal link does not allow this."},
	"cross_origin":           {hook.KindForbidden, "A page of another origin made the browser send the request."},
	"forbidden":              {hook.KindForbidden, "The API key may not do this."},
	"portal_link_not_found":  {hook.KindNotFound, "There is no such portal link, or it has expired."},
	"tenant_not_found":       {hook.KindNotFound, "There is no such tenant, or the key is for another tenant."},
	"endpoint_not_found":     {hook.KindNotFound, "The tenant has no such endpoint."},
	"event_not_found":        {hook.KindNotFound, "The tenant has no such event."},
	"delivery_not_found":     {hook.KindNotFound, "The tenant has no such delivery."},
	"attempt_not_found":      {hook.KindNotFound, "The delivery has no such attempt, or the attempt sent nothing."},
	"recovery_not_found":     {hook.KindNotFound, "The endpoint has no such recovery."},
	"credential_not_found":   {hook.KindNotFound, "The tenant has no such credential."},
	"record_not_found":       {hook.KindNotFound, "The tenant has no such record."},
	"key_not_found":          {hook.KindNotFound, "There is no such key."},
	"docs_address_taken":     {hook.KindConflict, "The address of its documentation is one of the server's own."},
	"contract_not_found":     {hook.KindNotFound, "There is no such contract."},
	"secret_not_found":       {hook.KindNotFound, "The endpoint's contract does not sign, so it has no secret."},
	"schedule_not_found":     {hook.KindNotFound, "The contract makes no events of this type on a schedule."},
	"version_not_found":      {hook.KindNotFound, "There is no such version of the contract."},
	"path_not_found":         {hook.KindNotFound, "There is nothing at this path."},
	"method_not_allowed":     {kindMethod, "The path takes other methods."},
	"not_acceptable":         {kindNotAcceptable, "Answers are JSON only."},
	"body_timeout":           {kindTimeout, "The body did not arrive in time."},
	"nodes_behind":           {hook.KindConflict, "Nodes of an earlier release are running, which could not read it."},
	"tenant_being_deleted":   {hook.KindConflict, "A tenant of this id was deleted and its data is still being removed."},
	"at_most_once":           {hook.KindConflict, "It was made to be sent at most once, so it is never sent again."},
	"delivery_not_held":      {hook.KindConflict, "It does not hold the queue of its endpoint, so there is nothing to skip."},
	"delivery_unfinished":    {hook.KindConflict, "It is waiting or being sent already."},
	"delivery_is_test":       {hook.KindConflict, "It was a test."},
	"endpoint_disabled":      {hook.KindConflict, "The endpoint is disabled; resume it first."},
	"endpoint_deleted":       {hook.KindConflict, "The endpoint is gone."},
	"endpoint_of_credential": {hook.KindConflict, "The endpoint was created with a credential; delete the credential."},
	"endpoint_unverified":    {hook.KindConflict, "The endpoint did not give the right answer to the handshake of its contract."},
	"credential_paused":      {hook.KindConflict, "The credential is paused; make it active first."},
	"key_not_given": {
		hook.KindConflict,
		"The encryption keys are an option of the server, and there is none that is not in use yet.",
	},
	"secret_current": {hook.KindConflict, "Requests are signed with the secret; replace it first."},
	"unreadable": {
		hook.KindConflict,
		"What was stored cannot be decrypted: it was damaged, or its encryption key is missing. Trying again does not help.",
	},
	"too_many_endpoints": {
		hook.KindConflict,
		"The tenant has as many endpoints as it may have, of the contract or in total.",
	},
	"endpoint_busy":          {hook.KindConflict, "Others keep changing the endpoint; try again."},
	"event_id_reused":        {hook.KindConflict, "The id was used for an event with another content."},
	"idempotency_key_reused": {hook.KindConflict, "The Idempotency-Key was used for another request."},
	"idempotency_unanswered": {hook.KindConflict, "A request with the Idempotency-Key is being carried out, or was and its answer is not known."},
	"changed_meanwhile":      {hook.KindPrecondition, "The object does not have an entity tag of If-Match: somebody changed it."},
	"record_changed":         {hook.KindPrecondition, "The record does not have the entity tag in If-Match."},
	"record_exists": {
		hook.KindPrecondition,
		"The record exists, and If-None-Match allows the change only if it does not.",
	},
	"audit_busy":          {hook.KindLimited, "Somebody is verifying or exporting the audit."},
	"too_many_tries":      {hook.KindLimited, "Too many wrong keys came from this address; wait as long as Retry-After says."},
	"scope_missing":       {hook.KindForbidden, "The key lacks the scope of the operation."},
	"event_erased":        {hook.KindConflict, "The data of the event was erased, so it is not sent again."},
	"tenant_file_busy":    {hook.KindLimited, "Another tenant is being exported or imported."},
	"tenant_sending":      {hook.KindConflict, "Something of the tenant is still being sent."},
	"tenant_exists":       {hook.KindConflict, "A tenant of this id is here already."},
	"contract_missing":    {hook.KindConflict, "A contract that the tenant uses is not here."},
	"tenant_file_invalid": {hook.KindMalformed, "The body is no complete file of a tenant that this version can read."},
	"passphrase_wrong":    {hook.KindMalformed, "The file cannot be decrypted with the passphrase."},
	"passphrase_short":    {hook.KindInvalid, "The header Gancho-Passphrase is missing, or has fewer than 12 characters."},
	"tenant_not_erased":   {hook.KindConflict, "Something was added to the tenant while it was erased."},
	"personal_forbidden":  {hook.KindForbidden, "The key may not see personal data."},
	"contract_forbidden":  {hook.KindForbidden, "The key is limited to other contracts."},
	"address_forbidden":   {hook.KindForbidden, "The key may not be used from this address."},
	"key_wider": {
		hook.KindForbidden,
		"The caller's key is limited, and the key that it would create or change may do more.",
	},
	"body_too_large":     {hook.KindTooLarge, "The body is too large."},
	"payload_too_large":  {hook.KindTooLarge, "A payload is too large."},
	"document_too_large": {hook.KindTooLarge, "The document is too large."},
	"too_many_deliveries": {
		hook.KindTooLarge,
		"The events before it in the batch go to too many endpoints; send it by itself. Or the tenant has more endpoints " +
			"than an event can have deliveries.",
	},
	"too_much_work": {
		hook.KindTooLarge,
		"The filters, conditions and schemas for the items before it in the batch cost too much work; send it by itself.",
	},
	"encoding_unsupported": {kindUnsupported, "The body is compressed."},
	"portal_link_invalid":  {hook.KindInvalid, "Something about the portal link is wrong; errors says what."},
	"request_invalid":      {hook.KindInvalid, "Some values are wrong; errors says which."},
	"kind_invalid":         {hook.KindInvalid, "A kind is given without its contract."},
	"cursor_invalid": {
		hook.KindInvalid,
		"The cursor cannot be read, or belongs to another list or other filters.",
	},
	"tenant_invalid":     {hook.KindInvalid, "The tenant id has characters that it cannot have."},
	"endpoint_invalid":   {hook.KindInvalid, "Something about the endpoint is wrong; errors says what."},
	"credential_needed":  {hook.KindInvalid, "An endpoint of this contract is created together with a credential."},
	"credential_invalid": {hook.KindInvalid, "Something about the credential is wrong; errors says what."},
	"no_handshake":       {hook.KindInvalid, "The contract has no handshake."},
	"no_credentials":     {hook.KindInvalid, "The contract has no credentials."},
	"contract_unknown":   {hook.KindInvalid, "There is no such contract."},
	"contract_needed":    {hook.KindInvalid, "The event names no contract, nobody takes it as one of standard, and exactly one other contract of the tenant's endpoints has its type."},
	"secret_invalid":     {hook.KindInvalid, "The signing secret cannot be used."},
	"shaping_off": {
		hook.KindInvalid,
		"The contract does not allow endpoints to filter or transform what is sent.",
	},
	"transformation_invalid": {hook.KindInvalid, "The transformation is not a working script; errors says where."},
	"event_invalid":          {hook.KindInvalid, "The event has wrong or unknown members."},
	"event_type_invalid":     {hook.KindInvalid, "The event type is missing or malformed."},
	"event_type_unknown":     {hook.KindInvalid, "The contract has no such event type."},
	"event_id_invalid":       {hook.KindInvalid, "The id is malformed."},
	"payload_missing":        {hook.KindInvalid, "The event has no payload."},
	"payload_invalid":        {hook.KindInvalid, "The payload does not satisfy the contract."},
	"too_many_events":        {hook.KindInvalid, "The array has more than 1000 events, or none."},
	"idempotency_invalid":    {hook.KindInvalid, "The Idempotency-Key is malformed."},
	"record_kind_unknown":    {hook.KindInvalid, "The contract has no such kind of record."},
	"record_key_invalid":     {hook.KindInvalid, "The key is malformed, or not the one in the document."},
	"record_invalid":         {hook.KindInvalid, "The document does not satisfy the contract; errors says where."},
	"record_change_invalid":  {hook.KindInvalid, "The item of the batch has wrong or unknown members."},
	"too_many_records":       {hook.KindInvalid, "The batch has more than 1000 items, or none."},
	"precondition_invalid":   {hook.KindInvalid, "If-Match or If-None-Match cannot be read."},
	"other_contract":         {hook.KindInvalid, "The event is not of the contract."},
	"render_failed":          {hook.KindInvalid, "No request can be made from the event."},
	"recovery_invalid":       {hook.KindInvalid, "Something about the recovery is wrong; errors says what."},
	"key_input_invalid":      {hook.KindInvalid, "Something about the key is wrong; errors says what."},
	"contract_invalid":       {hook.KindInvalid, "The contract is wrong; errors says where, with line and column."},
	"text_invalid":           {hook.KindInvalid, "The body is not UTF-8 text."},
	"test_running":           {hook.KindLimited, "A test of the endpoint is running, or too many tests are running."},
	"too_many_streams":       {hook.KindLimited, "Too many streams are open, of the server or of the tenant."},
	"rate_limited":           {hook.KindLimited, "More events per second than the tenant or the API key may publish."},
	"quota_used_up":          {hook.KindLimited, "The events or bytes of this month are used up, of the tenant or the API key."},
	"internal_error":         {kindInternal, "Something went wrong on the server."},
	"scripts_unavailable":    {hook.KindUnavailable, "No transformation can be run or checked now; nothing was stored."},
	"record_unreadable": {
		hook.KindConflict,
		"What is stored of the record cannot be decrypted; delete the record and put it anew.",
	},
	"record_busy":         {hook.KindUnavailable, "Others kept changing the record; try again."},
	"not_ready":           {hook.KindUnavailable, "A part of the server cannot do its work; errors says which."},
	"too_busy":            {hook.KindUnavailable, "Too many large requests at the same time; try again."},
	"storage_unavailable": {hook.KindUnavailable, "Nothing could be stored; try again."},
	"request_aborted":     {hook.KindUnavailable, "The request ended before it was answered."},
}
