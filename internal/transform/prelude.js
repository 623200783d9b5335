// The prelude gives a script its console, calls the script's handler, and reads what it
// returns. It is compiled once and runs in every new engine before the script does. It
// keeps its own references to built-ins, so that a script that changes them harms only
// itself. It returns only text, and Go checks that text like the input of a stranger.
(function () {
	'use strict';
	const { parse, stringify } = JSON, { keys, defineProperties, defineProperty, hasOwn: own } = Object, { isArray } = Array;
	const text = String, findHandler = eval, from = Function.prototype.call.bind(String.prototype.slice);

	const maxLines = 100, maxLine = 1000;
	const lines = [];
	let left = 0;
	const show = (x) => {
		if (typeof x === 'string') return x;
		if (x instanceof Error) return x.name + ': ' + x.message;
		if (typeof x === 'object' && x !== null) {
			try {
				return stringify(x);
			} catch {
				return '[object that cannot be shown]';
			}
		}
		return typeof x === 'function' ? '[function]' : text(x);
	};
	const log = (...args) => {
		if (lines.length === maxLines) {
			left++;
			return;
		}
		let line = '';
		for (let i = 0; i < args.length && line.length <= maxLine; i++) line += (i ? ' ' : '') + show(args[i]);
		lines[lines.length] = line.length > maxLine ? from(line, 0, maxLine) + '…' : line;
	};
	defineProperty(globalThis, 'console', {
		value: { log, debug: log, info: log, warn: log, error: log }, writable: true, configurable: true,
	});

	// pairs lists the names and values of an object as pairs of texts.
	const pairs = (what, o, lists) => {
		if (typeof o !== 'object' || o === null || isArray(o)) return { wrong: 'webhook.' + what + ' has to be an object.' };
		const out = [], names = keys(o);
		for (let i = 0; i < names.length; i++) {
			const value = o[names[i]];
			if (value === null || value === undefined) continue;
			const all = lists && isArray(value) ? value : [value];
			for (let k = 0; k < all.length; k++) {
				const v = all[k], kind = typeof v;
				if (kind !== 'string' && kind !== 'number' && kind !== 'boolean') {
					return { wrong: 'webhook.' + what + '[' + stringify(names[i]) + '] has to be a text.' };
				}
				out[out.length] = [names[i], text(v)];
			}
		}
		return { out };
	};

	// object makes an object of pairs of texts. A name that comes several times gets a list.
	const object = (list) => {
		const o = {};
		for (let i = 0; i < list.length; i++) {
			const [name, v] = list[i], had = own(o, name) ? o[name] : undefined;
			const value = had === undefined ? v : isArray(had) ? [...had, v] : [had, v];
			defineProperty(o, name, { value, writable: true, enumerable: true, configurable: true });
		}
		return o;
	};

	const run = (about, body) => {
		const handler = findHandler("typeof handler === 'function' ? handler : undefined");
		if (!handler) return stringify({ wrong: 'There is no function called handler. Write: function handler(webhook) { return webhook }' });
		if (about === undefined) return '{}';

		let parsed = false, payload, ownBody;
		const webhook = parse(about);
		defineProperties(webhook, {
			payload: {
				enumerable: true, configurable: true,
				get() {
					if (!parsed) {
						payload = parse(ownBody ?? body);
						parsed = true;
					}
					return payload;
				},
				set(v) {
					payload = v;
					parsed = true;
				},
			},
			body: {
				configurable: true,
				get() {
					return ownBody ?? body;
				},
				set(v) {
					ownBody = text(v);
					parsed = false;
				},
			},
		});
		const method = webhook.method;
		const headers = (webhook.headers = object(webhook.headers)), query = (webhook.query = object(webhook.query));
		const before = { headers: stringify(headers), query: stringify(query) };

		const out = handler(webhook);
		if (typeof out !== 'object' || out === null) {
			return stringify({ wrong: 'The handler returned ' + (out === null ? 'null' : typeof out) + '. End it with: return webhook' });
		}
		if (typeof out.then === 'function') {
			return stringify({ wrong: 'The handler returned a promise. Write it without async and await: it runs once, at once.' });
		}
		if (out.cancel) return stringify({ cancel: true, reason: typeof out.cancel === 'string' ? out.cancel : '' });

		const answer = {};
		if (out !== webhook) { // an object of the script: a member that it lacks is unchanged
			if (typeof out.body === 'string') ownBody = out.body;
			else if ('payload' in out) {
				payload = out.payload;
				parsed = true;
			}
		}
		if (ownBody !== undefined) answer.body = ownBody;
		if (parsed) {
			answer.payload = stringify(payload);
			if (answer.payload === undefined) {
				return stringify({ wrong: 'webhook.payload is ' + typeof payload + ', which JSON does not have. To send nothing, set webhook.cancel = true' });
			}
		}
		answer.method = text(out.method ?? method);
		const sent = { headers: out.headers ?? headers, query: out.query ?? query };
		for (const what of ['headers', 'query']) {
			if (stringify(sent[what]) === before[what]) continue; // unchanged
			const list = pairs(what, sent[what], what === 'query');
			if (list.wrong) return stringify(list);
			answer[what] = list.out;
		}
		return stringify(answer);
	};

	const printed = () => {
		const all = lines.join('\n');
		return left ? all + '\n… and ' + left + ' more' : all;
	};
	return { run, printed };
})()
