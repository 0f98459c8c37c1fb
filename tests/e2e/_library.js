'use strict';
/* Run by library.py: one JSON line for each case that stands in the first argument. */
const { Client, SmtptoolError } = require('../../bindings/node');

async function one({ url, options, message }) {
  try {
    return { result: await new Client(url, options).send(message) };
  } catch (e) {
    if (!(e instanceof SmtptoolError)) return { thrown: String(e.stack) };
    return { error: { kind: e.kind, code: e.code, enhanced: e.enhanced, text: e.text, result: e.result } };
  }
}

async function main() {
  const cases = JSON.parse(require('node:fs').readFileSync(process.argv[2], 'utf8'));
  const answers = await Promise.all(cases.map(one)); /* side by side: they are processes */
  for (const answer of answers) console.log(JSON.stringify(answer));
}

main();
