// A buyer with graphql-ws: watches, comes back after the server has closed the socket because the token expired, asks and
// changes. Prints each step as a line of JSON.
import { connect } from './live.mjs';

const [url, offerId, ...tokens] = process.argv.slice(2);
const say = (step, seen) => console.log(JSON.stringify({ step, seen }));

const client = connect(url, () => (tokens.length > 1 ? tokens.shift() : tokens[0]));
client.on('closed', (event) => say('closed', [event.code, event.reason]));
client.on('connected', () => say('connected', null));

async function once(query, variables) {
  for await (const { data, errors } of client.iterate({ query, variables })) return errors ?? data;
}

const watched = client.iterate({ query: 'subscription { notifications { version isSnapshot: __typename } }' });
say('watched', (await watched.next()).value.data.notifications.version);
say('watched again', (await watched.next()).value.data.notifications.version);
say('query', await once('{ me { id } }'));
say('mutation', await once(
  `mutation Add($input: AddToCartInput!) { addToCart(input: $input) { __typename ... on Cart { lines { quantity } } } }`,
  { input: { offerId, quantity: 1 } },
));
say('refused', await once('{ books(first: 100) { nodes { offers(first: 100) { nodes { id } } } } }').catch((errors) => errors));
await client.dispose();
