import { dateTimeFormat } from '@grafana/data';
import { type UPlotConfigBuilder, useTheme2 } from '@grafana/ui';
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { createPortal } from 'react-dom';
import type uPlot from 'uplot';
import { type AnnotationEvent, covered } from '../dashboard/annotations';

interface Props {
  config: UPlotConfigBuilder;
  annotations: AnnotationEvent[];
  timeZone: string;
}

/** Marks of events: a line (or region) in the plot, and a triangle below it that tells more. */
export function AnnotationsPlugin({ config, annotations, timeZone }: Props) {
  const theme = useTheme2();
  const plot = useRef<uPlot>(undefined);
  const events = useRef(annotations);
  events.current = annotations;
  const [over, setOver] = useState<HTMLElement | null>(null);
  const [, redraw] = useState(0);

  useLayoutEffect(() => {
    config.addHook('init', (u) => {
      plot.current = u;
      setOver(u.over);
    });
    config.addHook('draw', (u) => {
      const { ctx, bbox } = u;
      if (!events.current.length) return;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      for (const { time, timeEnd, color } of events.current) {
        const x = u.valToPos(time, 'x', true);
        const fill = theme.visualization.getColorByName(color);
        ctx.strokeStyle = fill;
        ctx.setLineDash([5, 5]);
        ctx.lineWidth = devicePixelRatio;
        const line = (at: number) => {
          ctx.beginPath();
          ctx.moveTo(at, bbox.top);
          ctx.lineTo(at, bbox.top + bbox.height);
          ctx.stroke();
        };
        line(x);
        if (timeEnd !== undefined) {
          line(u.valToPos(timeEnd, 'x', true));
        }
      }
      // Where several things went on at once it is no redder, or what is measured could not be seen any more.
      ctx.globalAlpha = 0.1;
      for (const { from, to, color } of covered(events.current)) {
        const x = u.valToPos(from, 'x', true);
        ctx.fillStyle = theme.visualization.getColorByName(color);
        ctx.fillRect(x, bbox.top, u.valToPos(to, 'x', true) - x, bbox.height);
      }
      ctx.restore();
      redraw((count) => count + 1);
    });
    config.addHook('destroy', () => {
      plot.current = undefined;
    });
  }, [config, theme]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: other events want another drawing.
  useEffect(() => {
    plot.current?.redraw(false);
  }, [annotations]);

  if (!over || !plot.current || !annotations.length) return null;
  const width = over.clientWidth;
  return createPortal(
    annotations.map(({ time, title, text, tags, color }, i) => {
      const left = plot.current!.valToPos(time, 'x');
      if (left < 0 || left > width) return null;
      const when = dateTimeFormat(time, { timeZone });
      const label = [when, title, text, tags.join(', ')].filter(Boolean).join('\n');
      const fill = theme.visualization.getColorByName(color);
      return (
        <span
          key={i}
          role="img"
          aria-label={label}
          title={label}
          style={{
            position: 'absolute',
            left: left - 5,
            bottom: -7,
            width: 0,
            height: 0,
            borderLeft: '5px solid transparent',
            borderRight: '5px solid transparent',
            borderBottom: `6px solid ${fill}`,
          }}
        />
      );
    }),
    over,
  );
}
