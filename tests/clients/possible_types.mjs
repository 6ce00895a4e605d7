// What docs/api.md shows of the types behind an interface or a union.
import { buildSchema, isAbstractType } from 'graphql';

export function possibleTypesOf(schema) { // the text of graph/schema.graphql
  const built = buildSchema(schema);
  const abstract = Object.values(built.getTypeMap()).filter(isAbstractType);
  return Object.fromEntries(abstract.map((type) => [type.name, built.getPossibleTypes(type).map(({ name }) => name)]));
}
