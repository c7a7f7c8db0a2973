// A program reads commands from standard input, one JSON object a line, and answers each with
// one line. It ends when its input ends, so it cannot outlive the test that started it.
//
// The commands of a server are its settings. The first line starts it, and later lines change
// it while it runs. It answers with its issuer identifier. It also prints each HTTP request
// with the status of the answer.
import { subscribe } from 'node:diagnostics_channel';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

export async function answer(command) {
  for await (const line of createInterface({ input: process.stdin })) {
    say(await command(JSON.parse(line)));
  }
  process.exit(0);
}

export const obey = (apply) => answer(async (settings) => ({ issuer: await apply(settings) }));

subscribe('http.server.response.finish', ({ request, response }) => {
  const { method, originalUrl, url } = request;
  say({ answered: `${method} ${originalUrl ?? url} ${response.statusCode}` });
});

// listening tries again for 5 s if the port is in use. Another process may use it for an
// outgoing connection after a server has stopped.
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
