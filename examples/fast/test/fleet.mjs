// The fleet as the tests know it.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

export const ports = {
  'fast-requesthandler-service': 50051,
  'fast-orchestrator-service': 3004,
  'fast-validation-service': 50052,
  'fast-enrichment-service': 50053,
  'fast-limitcheck-service': 50054,
  'fast-accounting-service': 50055,
  'fast-accountlookup-service': 50056,
  'fast-referencedata-service': 50057,
  'fast-vammediation-service': 50058,
  'fast-mdzmediation-service': 50059,
};

export const services = Object.keys(ports);

/** "fast-validation-service" is "validation" in protos and variables. */
export const shortName = (service) => service.slice('fast-'.length, -'-service'.length);

export const read = (...path) => readFileSync(join(root, ...path), 'utf8');
