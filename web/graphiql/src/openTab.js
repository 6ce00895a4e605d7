// The tab that GraphiQL opens with.

import { presets } from './presets.js';

/** The tab that was active before a reload, else the first example: GraphiQL adds a tab for anything it does not know. */
export function openTab() {
  try {
    const { tabs, activeTabIndex } = JSON.parse(localStorage.getItem('graphiql:tabState'));
    const { query, variables } = tabs[activeTabIndex];
    return { query: query ?? '', variables: variables ?? '' };
  } catch {
    return presets[0];
  }
}
