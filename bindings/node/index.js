'use strict';
/* Send mail with the smtptool program.
 *
 *     const { Client } = require('smtptool');
 *     const client = new Client('smtp://mail.example.com', { user: 'alice', password });
 *     const result = await client.send({ from: 'alice@example.com', to: 'bob@example.net',
 *                                        subject: 'Hello', text: 'Does it arrive?\n' });
 *
 * Each sending is a process of its own (docs/adr/0041): nothing is built at install, and Node's own
 * threads wait for nothing. What cannot be sent rejects with a SmtptoolError, whose fields are those of
 * smtptool.h: kind, code, enhanced, text, and result once the server was asked. A secret goes by the
 * child's environment, never by its arguments.
 */
const { spawn } = require('node:child_process');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');

const KINDS = {
  0: 'ok', 64: 'invalid', 65: 'invalid', 66: 'system', 67: 'no_user', 68: 'no_host', 69: 'refused',
  75: 'later', 76: 'no_channel', 77: 'no_login', 78: 'invalid',
};
const STATUS = { sent: 'ok', deferred: 'later' };
const OUTPUT_CHARS_MAX = 64 << 20;

class SmtptoolError extends Error {
  constructor(kind, text, { code = 0, enhanced = '', result = null } = {}) {
    super(text);
    this.name = 'SmtptoolError';
    this.kind = kind;
    this.text = text;
    this.code = code;
    this.enhanced = enhanced;
    this.result = result;
  }
}

const invalid = (text) => new SmtptoolError('invalid', text);
const listOf = (values) => (values === undefined || values === null ? [] : [].concat(values));

/* Node names the whole value when it holds NUL, a secret too: so it is looked for here. */
function checked(name, value) {
  if (typeof value !== 'string') throw invalid(`${name}: a string is needed`);
  if (value.includes('\0')) throw invalid(`${name}: holds NUL, which would end it`);
  return value;
}

/* One argument, so that no value can be taken for an option. */
const option = (name, value) => `--${name}=${checked(name, String(value))}`;

/* The name that a file gets in our folder, where --attach reads it: attack 51. */
function fileName(name) {
  const last = checked('file name', name).split(/[/\\]/).pop();
  if (last === '' || last === '.' || last === '..') throw invalid(`file name: "${last}" is none`);
  if (/[\x00-\x1f\x7f]/.test(last)) throw invalid('file name: holds a control byte');
  if (Buffer.byteLength(last) > 255) throw invalid('file name: more than 255 bytes');
  return last;
}

async function writeFile(folder, name, content) {
  const own = await fs.mkdtemp(path.join(folder, 'f'));
  const file = path.join(own, name);
  await fs.writeFile(file, content, { mode: 0o600 });
  return file;
}

async function partsOf(message, folder) {
  const args = [];
  if (message.from !== undefined) args.push(option('from', message.from));
  for (const name of ['to', 'cc', 'bcc'])
    for (const value of listOf(message[name])) args.push(option(name, value));
  if (message.raw !== undefined) return [...args, '--eml=-'];
  args.push(option('subject', message.subject ?? ''), '--text-file=-');
  if (message.html !== undefined)
    args.push(option('html-file', await writeFile(folder, 'html', checked('html', message.html))));
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    if (!/^[!-9;-~]+$/.test(name)) throw invalid(`"${name.slice(0, 76)}" is not a field name`);
    args.push(option('header', `${name}: ${checked(name, value)}`));
  }
  for (const { name, content, contentId } of listOf(message.attachments)) {
    const file = await writeFile(folder, fileName(name), content);
    if (contentId !== undefined && checked('contentId', contentId).includes('='))
      throw invalid('contentId: holds "="');
    args.push(contentId === undefined ? option('attach', file) : option('inline', `${contentId}=${file}`));
  }
  return args;
}

function run(program, args, env, input) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { if (out.length < OUTPUT_CHARS_MAX) out += text; });
    child.stderr.setEncoding('utf8').on('data', (text) => { if (err.length < OUTPUT_CHARS_MAX) err += text; });
    child.stdin.on('error', () => {}); /* it refused before it had read all */
    child.on('error', (e) => reject(new SmtptoolError('system', `${program}: ${e.code}`)));
    child.on('close', (exit, signal) => resolve({ exit, signal, out, err }));
    child.stdin.end(input);
  });
}

function resultOf(line) {
  const told = JSON.parse(line);
  const recipients = told.recipients.map((r) => ({
    address: r.address,
    kind: STATUS[r.status] ?? (r.stage === undefined ? KINDS[told.exit] : r.stage === 'RCPT TO' ? 'no_user' : 'refused'),
    code: r.code ?? 0,
    enhanced: r.enhanced ?? '',
    text: r.text ?? '',
  }));
  return {
    recipients,
    messageId: told.message_id,
    server: told.server.address ?? '',
    tls: told.tls ? told.tls.version : '',
    attempts: told.attempts,
    why: told.error ?? '',
  };
}

function errorOf(exit, result, err) {
  const kind = KINDS[exit] ?? 'system';
  const said = err.trim().replace(/^smtptool: /, '');
  if (!result) return new SmtptoolError(kind, said || `it ended with ${exit}`);
  const worst = result.recipients.find((r) => r.code && r.kind === kind);
  if (worst) {
    const words = `${worst.address}: ${worst.code} ${worst.enhanced} ${worst.text}`;
    return new SmtptoolError(kind, words, { code: worst.code, enhanced: worst.enhanced, result });
  }
  const reply = /refused: (\d{3})(?: (\d\.\d+\.\d+))?/.exec(result.why);
  return new SmtptoolError(kind, result.why || said,
    { code: reply ? Number(reply[1]) : 0, enhanced: (reply && reply[2]) || '', result });
}

class Client {
  #url;
  #options;

  /* options: user, password or token, mechanism, caFile, hello, connectTimeout and replyTimeout (ms),
   * retries, program (default: smtptool on the PATH, or $SMTPTOOL). */
  constructor(url, options = {}) {
    const { user, password, token } = options;
    checked('url', url);
    if ((user === undefined) !== (password === undefined && token === undefined) ||
        (password !== undefined && token !== undefined))
      throw invalid('a login is a user with either a password or a token');
    if (user !== undefined) checked('secret', password ?? token);
    this.#url = url;
    this.#options = { ...options };
  }

  #arguments(config) {
    const o = this.#options;
    const args = ['-C', config, 'send', '--json', option('server', this.#url), option('retries', o.retries ?? 0)];
    if (o.user !== undefined) args.push(option('user', o.user), '--secret=env:SMTPTOOL_NODE_SECRET');
    if (o.token !== undefined) args.push('--token');
    if (o.mechanism !== undefined) args.push(option('mechanism', o.mechanism));
    if (o.caFile !== undefined) args.push(option('ca-file', o.caFile));
    if (o.hello !== undefined) args.push(option('hello', o.hello));
    if (o.connectTimeout !== undefined) args.push(option('connect-timeout', `${o.connectTimeout}ms`));
    if (o.replyTimeout !== undefined) args.push(option('io-timeout', `${o.replyTimeout}ms`));
    return args;
  }

  /* message: from, to, cc, bcc (strings or arrays), subject, text, html, headers, attachments
   * ({name, content, contentId?}); or raw: a whole message, with to. */
  async send(message) {
    const o = this.#options;
    const program = o.program ?? process.env.SMTPTOOL ?? 'smtptool';
    const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'smtptool-'));
    try {
      const env = { ...process.env };
      if (o.user !== undefined) env.SMTPTOOL_NODE_SECRET = o.password ?? o.token;
      const config = await writeFile(folder, 'none.yaml', '{}\n'); /* whatever the user has */
      const args = [...this.#arguments(config), ...(await partsOf(message, folder))];
      const input = message.raw ?? checked('text', message.text ?? '');
      const { exit, signal, out, err } = await run(program, args, env, input);
      if (signal) throw new SmtptoolError('system', `${program} was ended by ${signal}`);
      const result = out.trim() ? resultOf(out) : null;
      if (exit !== 0) throw errorOf(exit, result, err);
      return result;
    } finally {
      await fs.rm(folder, { recursive: true, force: true });
    }
  }
}

module.exports = { Client, SmtptoolError };
