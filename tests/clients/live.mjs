// What docs/api.md shows of graphql-ws.
import { createClient } from 'graphql-ws';

export function connect(url, getToken) {
  return createClient({
    url, // ws://127.0.0.1:8000/graphql
    connectionParams: async () => ({ Authorization: `Bearer ${await getToken()}` }), // asked again for each connection
    // Also when the server cannot be reached at all; it gives up by itself after 4400, 4401 and 4429.
    shouldRetry: ({ reason }) => reason !== 'TOO_MANY_SOCKETS',
    retryAttempts: Infinity,
    retryWait: (times) => new Promise((go) => setTimeout(go, Math.min(200 * 2 ** times, 10_000) * (1 + Math.random()) / 2)),
  });
}

export async function* myOrders(client) {
  const query = `subscription MyOrders { myOrders { version order { id number status settled } } }`;
  const seen = new Map();
  for await (const { data, errors } of client.iterate({ query })) {
    if (errors) throw new Error(errors[0].message);
    const { order, version } = data.myOrders;
    if (version <= (seen.get(order.id) ?? 0)) continue; // a snapshot after a new connection
    seen.set(order.id, version);
    yield order;
  }
}

export async function* messages(client, cursor) {
  const query = `subscription Messages($after: String) {
    notifications(after: $after) { cursor notification { id kind subject } }
  }`;
  const variables = { after: cursor };
  for await (const { data, errors } of client.iterate({ query, variables })) {
    if (errors) throw new Error(errors[0].message);
    variables.after = data.notifications.cursor; // a new connection sends the variables again, and goes on from here
    yield data.notifications;
  }
}
