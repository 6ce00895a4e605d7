// Runs the audits of graphql-http 1.23.1, whose files lie beside this one unchanged, and prints what they found as JSON.
import { serverAudits } from './audits/server.mjs';

const found = [];
for (const audit of serverAudits({ url: process.argv[2] })) {
  const result = await audit.fn();
  found.push({ id: result.id, name: result.name, status: result.status, reason: result.reason ?? null });
}
console.log(JSON.stringify(found));
