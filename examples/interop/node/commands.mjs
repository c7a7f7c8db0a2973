// A server is told what to be by lines of JSON on its standard input: the first starts
// it, later ones change it while it runs. It answers each with its issuer identifier.
// It ends with its input, so it cannot outlive the test that started it. In between, it
// says what it was asked over HTTP and how it answered.
import { subscribe } from 'node:diagnostics_channel';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

export async function obey(apply) {
  for await (const line of createInterface({ input: process.stdin })) {
    const issuer = await apply(JSON.parse(line));
    say({ issuer });
  }
  process.exit(0);
}

subscribe('http.server.response.finish', ({ request, response }) => {
  const { method, originalUrl, url } = request;
  say({ answered: `${method} ${originalUrl ?? url} ${response.statusCode}` });
});

// listening waits a little for a port that a stopped server had: somebody else may hold
// it for an outgoing connection at this moment.
export async function listening(listen) {
  for (let attempts = 50; ; attempts -= 1) {
    try {
      return await listen();
    } catch (error) {
      if (error.code !== 'EADDRINUSE' || attempts === 0) throw error;
      await pause(100);
    }
  }
}
