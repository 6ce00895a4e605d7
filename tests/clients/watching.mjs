// Somebody who keeps a page open, with graphql-ws: every message and every change of an order is a line of JSON.
import { connect, messages, myOrders } from './live.mjs';

const [url, token] = process.argv.slice(2);
const say = (step, seen) => console.log(JSON.stringify({ step, seen }));

const client = connect(url, () => token);
client.on('closed', () => say('closed', null));
client.on('connected', (socket, payload, again) => say('connected', again));

async function follow(step, updates) {
  for await (const update of updates) say(step, update);
}

follow('message', messages(client, null));
follow('order', myOrders(client));
