// Somebody who has too many tabs open, with graphql-ws. Prints each step as a line of JSON.
import { connect, messages } from './live.mjs';

const [url, token] = process.argv.slice(2);
const say = (step, seen) => console.log(JSON.stringify({ step, seen }));

const client = connect(url, () => token);
client.on('closed', ({ code, reason }) => say('closed', [code, reason]));

try {
  for await (const update of messages(client, null)) say('message', update);
} catch ({ code, reason }) {
  say('gave up', [code, reason]);
}
