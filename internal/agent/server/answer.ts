import type { ServerAnswer } from '../../io/https-server.ts';

/** Ends an exchange with a text. */
export function sayText(answer: ServerAnswer, status: number, text: string): void {
  answer.statusCode = status;
  answer.setHeader('Content-Type', 'text/plain; charset=utf-8');
  answer.end(text);
}

export function sayJson(answer: ServerAnswer, value: unknown): void {
  answer.statusCode = 200;
  answer.setHeader('Content-Type', 'application/json');
  answer.end(JSON.stringify(value));
}

export function sayMetrics(answer: ServerAnswer, text: string): void {
  answer.statusCode = 200;
  answer.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
  answer.end(text);
}
