import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Coefficients } from './coefficients.ts';

export const coefficientsFile = join(import.meta.dirname, '../coefficients.json');

export function readCoefficients(): Coefficients {
  return JSON.parse(readFileSync(coefficientsFile, 'utf8')) as Coefficients;
}
