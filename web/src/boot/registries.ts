import {
  type FieldConfigPropertyItem,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
} from '@grafana/data';
import { standardProperties } from '../transform/fieldConfigRegistry';
import { ownTransformers } from '../transform/ownTransformers';

/** Fills the registries of @grafana/data, which know nothing by themselves. To be called once, before anything is drawn. */
export function fillRegistries(): void {
  standardTransformersRegistry.setInit(() => {
    const all = [...Object.values(standardTransformers), ...ownTransformers];
    // Some are there under two names.
    const byId = new Map(all.map((transformer) => [transformer.id, transformer]));
    return [...byId.values()].map((transformer) => ({
      id: transformer.id,
      aliasIds: transformer.aliasIds,
      name: transformer.name,
      description: '',
      transformation: () => Promise.resolve(transformer),
      editor: () => null,
      imageDark: '',
      imageLight: '',
    }));
  });
  standardFieldConfigEditorRegistry.setInit(() => standardProperties() as FieldConfigPropertyItem[]);
}
