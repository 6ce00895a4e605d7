// The example tabs, from search to notification: each document in presets/, its variables and headers beside it.

const documents = import.meta.glob('./presets/*.graphql', { query: '?raw', import: 'default', eager: true });
const companions = import.meta.glob('./presets/*.json', { query: '?raw', import: 'default', eager: true });

export const presets = Object.keys(documents)
  .sort()
  .map((path) => ({
    query: documents[path].trimEnd(),
    variables: beside(path, '.json'),
    headers: beside(path, '.headers.json'),
  }));

function beside(path, ending) {
  return (companions[path.replace('.graphql', ending)] ?? '').trimEnd();
}
