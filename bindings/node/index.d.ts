/** "later", "no_user" ... as smtptool_kind_name() of smtptool.h gives them. */
export type Kind = 'ok' | 'later' | 'no_user' | 'refused' | 'no_host' | 'no_channel' | 'no_login' | 'invalid' | 'system';

export interface Recipient { address: string; kind: Kind; code: number; enhanced: string; text: string }

export interface Result {
  recipients: Recipient[];
  messageId: string;
  server: string;
  tls: string;
  attempts: number;
  why: string;
}

export class SmtptoolError extends Error {
  kind: Kind;
  text: string;
  code: number;
  enhanced: string;
  result: Result | null;
}

export interface Options {
  user?: string;
  password?: string;
  token?: string;
  mechanism?: string;
  caFile?: string;
  hello?: string;
  connectTimeout?: number;
  replyTimeout?: number;
  retries?: number;
  program?: string;
}

export interface Attachment { name: string; content: string | Uint8Array; contentId?: string }

export interface Message {
  from?: string;
  to?: string | string[];
  cc?: string | string[];
  bcc?: string | string[];
  subject?: string;
  text?: string;
  html?: string;
  headers?: Record<string, string>;
  attachments?: Attachment[];
  raw?: string | Uint8Array;
}

export class Client {
  constructor(url: string, options?: Options);
  send(message: Message): Promise<Result>;
}
