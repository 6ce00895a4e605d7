// Runs the audits of graphql-http against an endpoint, and prints what they found as JSON.
import { serverAudits } from 'graphql-http';

const found = [];
for (const audit of serverAudits({ url: process.argv[2] })) {
  const result = await audit.fn();
  found.push({ id: result.id, name: result.name, status: result.status, reason: result.reason ?? null });
}
console.log(JSON.stringify(found));
