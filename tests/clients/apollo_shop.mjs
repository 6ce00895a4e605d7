// A buyer with Apollo Client: looks at a book, fills the cart, is refused, buys, and watches stock and order meanwhile.
// Prints each step as a line of JSON.
import { gql } from '@apollo/client';
import { readFileSync } from 'node:fs';
import { apollo } from './apollo.mjs';
import { possibleTypesOf } from './possible_types.mjs';

const [url, token, isbn, schema] = process.argv.slice(2);
const say = (step, seen) => console.log(JSON.stringify({ step, seen }));

const client = apollo(url, () => token, possibleTypesOf(readFileSync(schema, 'utf8')));

const BOOK = gql`query Book($isbn: ISBN!) {
  book(isbn: $isbn) { id title stock { isbn total } offers { nodes { id available } } }
}`;
client.watchQuery({ query: BOOK, variables: { isbn } }).subscribe(({ data }) => {
  if (data?.book) say('stock', data.book.stock.total);
});
const STOCK = gql`subscription Stock($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { version stock { isbn total } } }`;
await new Promise((watched) => client.subscribe({ query: STOCK, variables: { isbns: [isbn] } }).subscribe(watched));

const [offer] = (await client.query({ query: BOOK, variables: { isbn } })).data.book.offers.nodes;
const CART = gql`query Cart { me { id cart { id lines { quantity } problems { ... on Error { code } } } } }`;
client.watchQuery({ query: CART }).subscribe(({ data }) => {
  if (data?.me) say('cart', data.me.cart.lines.length);
});
const ADD = gql`mutation Add($input: AddToCartInput!) {
  addToCart(input: $input) { ... on Cart { id total { amount currency } lines { quantity } } ... on Error { code } }
}`;
const added = await client.mutate({ mutation: ADD, variables: { input: { offerId: offer.id, quantity: 1 } } });

const CHECKOUT = gql`mutation Checkout($input: CheckoutInput!) {
  checkout(input: $input) {
    ... on CheckoutCompleted { replayed order { id status } }
    ... on CheckoutRejected { problems { ... on Error { code path } } }
    ... on Error { code }
  }
}`;
const { amount, currency } = added.data.addToCart.total;
const input = {
  idempotencyKey: crypto.randomUUID(),
  amount: { amount, currency },
  deliveryAddress: { name: 'Ada Reader', line1: '1 Canal Street', postalCode: '3511 AB', city: '', country: 'NL' },
};
const checkOut = async (input) => (await client.mutate({ mutation: CHECKOUT, variables: { input } })).data.checkout;
say('refused', await checkOut(input));
const corrected = { ...input, deliveryAddress: { ...input.deliveryAddress, city: 'Utrecht' } };
const { order } = await checkOut(corrected);
say('bought', order);
say('bought again', await checkOut(corrected));

const ORDER = gql`subscription Order($orderId: ID!) {
  orderUpdates(orderId: $orderId) { version order { id status paymentStatus settled } }
}`;
let newest = 0;
client.subscribe({ query: ORDER, variables: { orderId: order.id } }).subscribe(({ data, error }) => {
  if (error) throw error;
  if (data.orderUpdates.version <= newest) return;
  newest = data.orderUpdates.version;
  say('order', data.orderUpdates.order);
});
