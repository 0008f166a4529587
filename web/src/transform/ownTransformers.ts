import type { DataTransformerInfo } from '@grafana/data';
import { extractFields } from './extractFields';

/** Transformations that dashboards use and @grafana/data doesn't have. */
export const ownTransformers: DataTransformerInfo[] = [extractFields];
