// What docs/api.md shows of Apollo Client.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { relayStylePagination } from '@apollo/client/utilities';
import { connect } from './live.mjs';

export function apollo(url, getToken, possibleTypes) {
  const signed = new SetContextLink(async () => ({ headers: { authorization: `Bearer ${await getToken()}` } }));
  return new ApolloClient({
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      new GraphQLWsLink(connect(url.replace('http', 'ws'), getToken)),
      signed.concat(new HttpLink({ uri: url })),
    ),
    cache: new InMemoryCache({
      possibleTypes, // without them the cache forgets what `... on Error` asked for
      typePolicies: {
        BookStock: { keyFields: ['isbn'] }, // what stockUpdates brings is on every page that shows the book
        Viewer: { fields: { orders: relayStylePagination(['status']) } }, // pages are put together
      },
    }),
  });
}
