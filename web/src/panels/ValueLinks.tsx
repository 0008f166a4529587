import type { FieldDisplay } from '@grafana/data';
import { DataLinksContextMenu } from '@grafana/ui';
import type { ReactElement } from 'react';

interface Props {
  value: FieldDisplay;
  /** Draws the value; what it is given makes it open a menu, where there are several links. */
  children: (menu?: { openMenu?: React.MouseEventHandler<HTMLElement>; targetClassName?: string }) => ReactElement;
}

/** A value that is a link if its field has links: one as it is, several in a menu. */
export function ValueLinks({ value, children }: Props) {
  if (!value.hasLinks || !value.getLinks) return <>{children()}</>;
  return (
    <DataLinksContextMenu links={value.getLinks}>
      {(menu) => children(menu as { openMenu?: React.MouseEventHandler<HTMLElement>; targetClassName?: string })}
    </DataLinksContextMenu>
  );
}
