import { css, cx } from '@emotion/css';
import { renderTextPanelMarkdown, textUtil } from '@grafana/data';
import { useMemo } from 'react';
import { interpolate } from '../variables/interpolate';
import type { PanelViewProps } from './types';

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/** Markdown, HTML, or code. Of the first two all is taken out that could run. */
export function TextPanel({ panel, scope, height }: PanelViewProps) {
  const { content = '', mode = 'markdown' } = panel.options;
  const html = useMemo(() => {
    const text = interpolate(content, scope, undefined, (values) => values.join(', '));
    if (mode === 'html') return textUtil.sanitizeTextPanelContent(text);
    if (mode === 'code') return `<pre>${escapeHtml(text)}</pre>`;
    return renderTextPanelMarkdown(text);
  }, [content, mode, scope]);
  // biome-ignore lint/security/noDangerouslySetInnerHtml: it was sanitised.
  return <div className={cx('markdown-html', style)} style={{ height }} dangerouslySetInnerHTML={{ __html: html }} />;
}

const style = css({ overflow: 'auto', '& img': { maxWidth: '100%' } });
