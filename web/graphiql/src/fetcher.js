// How GraphiQL reaches the API: HTTP for queries and mutations, a websocket for each running subscription.

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { Kind, parse } from 'graphql';
import { createClient } from 'graphql-ws';

import { session } from './session.js';

const HTTP_URL = '/graphql';
const WEBSOCKET_URL = Object.assign(new URL(HTTP_URL, location.href), {
  protocol: location.protocol === 'https:' ? 'wss:' : 'ws:',
}).href;

/** Sends what a tab asks. A reconnecting socket asks for its authorization again, so it never comes back with an old token. */
export async function fetcher(params, options) {
  const authorized = () => withAuthorization(options?.headers ?? {});
  const send = createGraphiQLFetcher({
    url: HTTP_URL,
    wsClient: createClient({ url: WEBSOCKET_URL, connectionParams: authorized }),
    enableIncrementalDelivery: false,
  });
  const { operationName, documentAST } = readOperation(params);
  return send({ ...params, operationName }, { ...options, documentAST, headers: await authorized() });
}

/** Just after a change of tab GraphiQL still names the operation of the tab before: the query itself is asked instead. */
function readOperation({ query, operationName }) {
  let documentAST;
  try {
    documentAST = parse(query);
  } catch {
    return { operationName }; // the server says best what is wrong with it
  }
  const names = documentAST.definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .map((operation) => operation.name?.value);
  return { documentAST, operationName: names.includes(operationName) ? operationName : names[0] };
}

/** The headers editor's own Authorization wins, however it is capitalised; the server reads the key as spelled here. */
async function withAuthorization(headers) {
  const { authorization, others } = splitAuthorization(headers);
  if (authorization) {
    return { ...others, Authorization: authorization };
  }
  const granted = await session();
  return granted ? { ...others, Authorization: `Bearer ${granted.token}` } : others;
}

function splitAuthorization(headers) {
  const others = { ...headers };
  let authorization;
  for (const name of Object.keys(headers)) {
    if (name.toLowerCase() === 'authorization') {
      authorization = headers[name];
      delete others[name];
    }
  }
  return { authorization, others };
}
