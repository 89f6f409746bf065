import { isDeepStrictEqual } from 'node:util';
import { logFilterRefusal, timeSeriesRefusal } from './monitoringFilters.ts';
import type { Named } from './project.ts';

export interface LogMetric extends Named {
  description?: string;
  filter?: string;
  metricDescriptor?: { metricKind?: string; valueType?: string; labels?: { key: string }[] };
  valueExtractor?: string;
  labelExtractors?: Record<string, string>;
}

/** The reason for which Cloud Logging refuses a metric, or the change of one. */
export function logMetricRefusal(metric: LogMetric, before: LogMetric | undefined): string | undefined {
  const {
    name,
    filter = '',
    metricDescriptor: descriptor = {},
    valueExtractor,
    labelExtractors = {},
  } = metric;
  if (!/^[\w\-.,+!*',()%][\w\-.,+!*',()%/]{0,99}$/.test(name)) return `The metric's name ${name} is invalid`;
  const reason = logFilterRefusal(filter);
  if (reason !== undefined) return `filter: ${reason}`;
  const { metricKind = 'DELTA', valueType = 'INT64', labels = [] } = descriptor;
  if (metricKind !== 'DELTA') return 'metric_kind must be DELTA';
  if (!['INT64', 'DISTRIBUTION'].includes(valueType)) return `value_type ${valueType} is not supported`;
  if ((valueType === 'DISTRIBUTION') !== /^(REGEXP_)?EXTRACT\(.+\)$/.test(valueExtractor ?? ''))
    return 'value_extractor and DISTRIBUTION go together';
  const keys = labels.map(({ key }) => key).sort();
  if (!isDeepStrictEqual(keys, Object.keys(labelExtractors).sort()))
    return 'labels and label_extractors differ';
  const former = before?.metricDescriptor?.valueType ?? 'INT64';
  return before && former !== valueType ? 'value_type cannot be changed' : undefined;
}

interface Widget {
  title?: string;
  xyChart?: { dataSets?: DataSet[] };
  logsPanel?: { filter?: string };
}

interface DataSet {
  plotType?: string;
  timeSeriesQuery?: {
    timeSeriesFilter?: { filter?: string; aggregation?: object };
    prometheusQuery?: string;
  };
}

interface Tile {
  xPos?: number;
  yPos?: number;
  width?: number;
  height?: number;
  widget?: Widget;
}

export interface Dashboard extends Named {
  displayName?: string;
  etag?: string;
  labels?: Record<string, string>;
  mosaicLayout?: { columns?: number; tiles?: Tile[] };
}

/** https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards */
export function dashboardRefusal({ displayName, mosaicLayout }: Dashboard): string | undefined {
  if (!displayName) return 'display_name is missing';
  if (mosaicLayout === undefined) return 'a layout is missing';
  const { columns = 0, tiles = [] } = mosaicLayout;
  if (!(columns >= 1 && columns <= 48)) return 'columns must be 1 to 48';
  if (tiles.length > 100) return 'a dashboard has at most 100 tiles';
  const taken = new Set<string>();
  for (const [index, { xPos = 0, yPos = 0, width = 0, height = 0, widget = {} }] of tiles.entries()) {
    if (width < 1 || height < 1 || xPos + width > columns) return `tile ${index} is outside of the columns`;
    for (let x = xPos; x < xPos + width; x += 1) {
      for (let y = yPos; y < yPos + height; y += 1) {
        if (taken.has(`${x} ${y}`)) return `tile ${index} covers another one`;
        taken.add(`${x} ${y}`);
      }
    }
    const reason = widgetRefusal(widget);
    if (reason !== undefined) return `tile ${index}: ${reason}`;
  }
  return undefined;
}

const plots = ['LINE', 'STACKED_BAR', 'STACKED_AREA', 'HEATMAP'];

function widgetRefusal({ xyChart, logsPanel }: Widget): string | undefined {
  if ((xyChart === undefined) === (logsPanel === undefined)) return 'a widget has one content';
  if (logsPanel !== undefined) return logFilterRefusal(logsPanel.filter ?? '');
  const { dataSets = [] } = xyChart ?? {};
  if (dataSets.length === 0) return 'data_sets are missing';
  for (const { plotType = '', timeSeriesQuery: query = {} } of dataSets) {
    if (!plots.includes(plotType)) return `plot_type ${plotType} is invalid`;
    const { timeSeriesFilter, prometheusQuery } = query;
    if ((timeSeriesFilter === undefined) === (prometheusQuery === undefined)) return 'a query has one source';
    const reason = timeSeriesFilter && timeSeriesRefusal(timeSeriesFilter.filter ?? '');
    if (reason !== undefined) return reason;
  }
  return undefined;
}
