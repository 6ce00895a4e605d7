// The session that the embedded form grants this page: a token of its sample buyer, renewed before it expires.

const SESSION_URL = '/graphiql/session';
const RENEW_BEFORE_SECONDS = 60;

let current = null;

/** The granted session `{ token, viewer, renewAt }`, `{ refused }` with the reason, or null where there are none (production). */
export async function session() {
  if (current === null || (await current)?.renewAt <= Date.now()) {
    current = load();
    current.catch(() => (current = null));
  }
  return current;
}

async function load() {
  const response = await fetch(SESSION_URL, { cache: 'no-store' });
  if (response.status === 404) {
    return null;
  }
  if (response.status === 403) {
    return { refused: (await response.json()).errors[0].message };
  }
  if (!response.ok) {
    throw new Error(`No session: ${SESSION_URL} answered ${response.status}.`);
  }
  const { token, expiresIn, viewer } = await response.json();
  return { token, viewer, renewAt: Date.now() + (expiresIn - RENEW_BEFORE_SECONDS) * 1000 };
}
