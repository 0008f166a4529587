import { textUtil } from '@grafana/data';
import { Dropdown, IconButton, Menu, Tooltip } from '@grafana/ui';
import { forUrl, interpolate, type Scope } from '../variables/interpolate';
import type { Panel } from './model';

interface Link {
  href: string;
  title: string;
  target?: string;
}

/** A panel's links, with what they refer to filled in. */
export function linksOf(panel: Panel, scope: Scope): Link[] {
  return (panel.links ?? [])
    .filter((link) => link.url)
    .map((link) => ({
      href: textUtil.sanitizeUrl(interpolate(link.url, scope, undefined, forUrl)),
      title: interpolate(link.title || 'Link', scope),
      target: link.targetBlank ? '_blank' : undefined,
    }));
}

/** The links in a panel's title: one as it is, several in a menu. */
export function PanelLinks({ panel, scope }: { panel: Panel; scope: Scope }) {
  const links = linksOf(panel, scope);
  if (!links.length) return null;
  if (links.length === 1) {
    const { href, title, target } = links[0]!;
    return (
      <Tooltip content={title}>
        <a href={href} target={target} rel="noreferrer" aria-label={title}>
          <IconButton name="external-link-alt" size="md" aria-hidden tabIndex={-1} aria-label={title} />
        </a>
      </Tooltip>
    );
  }
  const menu = (
    <Menu>
      {links.map(({ href, title, target }) => (
        <Menu.Item key={href + title} label={title} url={href} target={target as '_blank' | undefined} />
      ))}
    </Menu>
  );
  return (
    <Dropdown overlay={menu}>
      <IconButton name="link" size="md" aria-label="Links of this panel" />
    </Dropdown>
  );
}
