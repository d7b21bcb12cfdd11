import { z } from 'zod';

/** What people have looked at and may be in the app; another one is to be looked at first. */
const LICENCES = ['Apache-2.0', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT', 'OFL-1.1'] as const;

const Component = z.strictObject({
  type: z.literal('library'),
  'bom-ref': z.string().min(1),
  name: z.string().min(1),
  version: z.string().min(1),
  purl: z.string().regex(/^pkg:(?:npm|pypi|github|generic|huggingface)\/\S+$/),
  licenses: z.tuple([
    z.union([
      z.strictObject({ license: z.strictObject({ id: z.enum(LICENCES) }) }),
      z.strictObject({
        expression: z
          .string()
          .refine((text) => text.split(' OR ').every((id) => z.enum(LICENCES).safeParse(id).success)),
      }),
    ]),
  ]),
});

/** A bill of materials as CycloneDX 1.6 has it, of the part that Skein writes: https://cyclonedx.org/docs/1.6/json/. */
export const BillOfMaterials = z
  .strictObject({
    bomFormat: z.literal('CycloneDX'),
    specVersion: z.literal('1.6'),
    serialNumber: z
      .string()
      .regex(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    version: z.int().min(1),
    metadata: z.strictObject({
      component: z.strictObject({
        type: z.literal('application'),
        'bom-ref': z.string().min(1),
        name: z.literal('Skein'),
        version: z.string().min(1),
      }),
    }),
    components: z.array(Component).min(1),
  })
  .refine(({ metadata, components }) => {
    const refs = [metadata.component, ...components].map((each) => each['bom-ref']);
    return new Set(refs).size === refs.length;
  }, 'each reference names one thing');
