// The example tabs, from search to notification: each document in presets/, its variables beside it.

const documents = import.meta.glob('./presets/*.graphql', { query: '?raw', import: 'default', eager: true });
const variables = import.meta.glob('./presets/*.json', { query: '?raw', import: 'default', eager: true });

export const presets = Object.keys(documents)
  .sort()
  .map((path) => ({
    query: documents[path].trimEnd(),
    variables: variables[path.replace('.graphql', '.json')]?.trimEnd() ?? '',
  }));
