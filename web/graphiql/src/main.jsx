import 'graphiql/setup-workers/vite';

import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';

import '@fontsource/fira-code/latin-400.css';
import '@fontsource/roboto/latin-400-italic.css';
import '@fontsource/roboto/latin-400.css';
import '@fontsource/roboto/latin-500.css';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import './bookstall.css';

import { fetcher } from './fetcher.js';
import { openTab } from './openTab.js';
import { presets } from './presets.js';
import { session } from './session.js';

const plugins = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })];
const opened = openTab();

function Bookstall() {
  return (
    <GraphiQL
      fetcher={fetcher}
      plugins={plugins}
      defaultTabs={presets}
      initialQuery={opened.query}
      initialVariables={opened.variables}
      defaultEditorToolsVisibility
      shouldPersistHeaders={false}
      inputValueDeprecation
      schemaDescription
    >
      <GraphiQL.Logo>
        <Wordmark />
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

function Wordmark() {
  const [{ viewer, refused }, setGranted] = useState({});
  useEffect(() => {
    session().then(
      (granted) => setGranted(granted ?? {}),
      () => setGranted({}),
    );
  }, []);
  return (
    <span className="bookstall-wordmark">
      Bookstall
      {viewer && <small title="Whose token this page sends; an Authorization header of your own replaces it">{viewer}</small>}
      {refused && <small className="bookstall-refusal">{refused}</small>}
    </span>
  );
}

createRoot(document.getElementById('graphiql')).render(<Bookstall />);
