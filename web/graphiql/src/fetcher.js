// How GraphiQL reaches the API: HTTP for queries and mutations, a websocket for each running subscription.

import { Kind, OperationTypeNode, parse } from 'graphql';
import { createClient } from 'graphql-ws';

import { session } from './session.js';

const HTTP_URL = '/graphql';
const WEBSOCKET_URL = Object.assign(new URL(HTTP_URL, location.href), {
  protocol: location.protocol === 'https:' ? 'wss:' : 'ws:',
}).href;

/** Sends what a tab asks: the promise of its answer, or an observable of a subscription's. */
export function fetcher(params, options) {
  const { operation, operationName } = readOperation(params);
  const authorized = () => withAuthorization(options?.headers ?? {});
  const send = operation === OperationTypeNode.SUBSCRIPTION ? watch : post;
  return send({ ...params, operationName }, authorized);
}

async function post(request, authorized) {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/graphql-response+json, application/json;q=0.9',
    ...(await authorized()),
  };
  const response = await fetch(HTTP_URL, { method: 'POST', headers, body: JSON.stringify(request) });
  return response.json();
}

/** A reconnecting socket asks for its authorization again, so it never comes back with an old token. */
function watch(request, authorized) {
  const client = createClient({ url: WEBSOCKET_URL, connectionParams: authorized });
  return {
    subscribe(sink) {
      const error = (cause) => sink.error(cause instanceof CloseEvent ? closed(cause) : cause);
      return { unsubscribe: client.subscribe(request, { ...sink, error }) };
    },
  };
}

function closed({ code, reason }) {
  return { message: `The socket was closed: ${code} ${reason}`.trim() };
}

/** Just after a change of tab GraphiQL still names the operation of the tab before: the query itself is asked instead. */
function readOperation({ query, operationName }) {
  let operations;
  try {
    operations = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  } catch {
    return { operationName }; // the server says best what is wrong with it
  }
  const asked = operations.find(({ name }) => name?.value === operationName) ?? operations[0];
  return { operation: asked?.operation, operationName: asked?.name?.value };
}

/** The headers editor's own Authorization wins, however it is capitalised; the server reads the key as spelled here. */
async function withAuthorization(headers) {
  const { authorization, others } = splitAuthorization(headers);
  if (authorization) {
    return { ...others, Authorization: authorization };
  }
  const granted = await session();
  return granted?.token ? { ...others, Authorization: `Bearer ${granted.token}` } : others;
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
